"""Tests that an application's own code keeps a contract.

assert_contract() fails where a clause of a contract does not hold for a subject. It is a plain function
for unittest and any other framework; pytest has it as a fixture that knows the database of the tests
(see ghostwatch.testing.plugin). ghostwatch.testing.onboarding has the branches of the bot's own contract.

    from ghostwatch.testing.onboarding import each_branch

    @each_branch
    def test_start_keeps_the_contract(deep_link, assert_contract):
        user_id = getrandbits(48)  # somebody new: who was here before may have the rows from then
        my_bot.handle_start(user_id=user_id, first_name="Anna", deep_link=deep_link)
        assert_contract("onboarding", user_id, leave_out=["first_meme"])
"""

from ghostwatch.testing.assertion import ClauseNotJudged, assert_contract

__all__ = ["ClauseNotJudged", "assert_contract"]
