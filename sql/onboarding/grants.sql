-- Nothing is open to everyone, whatever the installer's default privileges say; onboarding.grant_app() gives an application what it needs.
REVOKE ALL ON SCHEMA onboarding FROM public;
REVOKE ALL ON ALL TABLES IN SCHEMA onboarding FROM public;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA onboarding FROM public;
REVOKE ALL ON ALL ROUTINES IN SCHEMA onboarding FROM public;
