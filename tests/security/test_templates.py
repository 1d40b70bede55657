"""Templates of one's own are trusted with what a message says, and with nothing else of the process."""

from __future__ import annotations

from pathlib import Path

import pytest

from ghostwatch.notifier.messages import Renderer
from tests.sidecar.test_messages import notification


@pytest.mark.attack(
    "templates that reach for the interpreter, files or endless work",
    role="author of a template",
    result="sandboxed; the built-in template takes its place",
)
@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ self._TemplateReference__context.eval_ctx.environment.loader }}",
        "{{ now.__class__.__init__.__globals__ }}",
        "{{ alert.evidence.update({'x': 1}) }}{{ 1 / 0 }}",
        "{% include '/etc/passwd' %}",
        "{% include '../../../../etc/passwd' %}",
        "{% for _ in range(100000000) %}x{% endfor %}",
        "{% for _ in range(99999) %}{% for _ in range(99999) %}xxxxxxxxxxxxxxxxxxxx{% endfor %}{% endfor %}",
    ],
)
def test_a_template_reaches_nothing_but_its_values(tmp_path: Path, attack: str) -> None:
    """It fails, and the built-in one takes its place; or what it asks for is nothing."""
    (tmp_path / "threshold.html").write_text(f"secret {attack}", encoding="utf-8")
    text = Renderer(tmp_path).render(notification()).plain
    assert text == "secret" or text.startswith("🔴 👻 onboarding · first_meme · ERROR")
