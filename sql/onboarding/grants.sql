-- Nothing is executable by everyone; onboarding.grant_app() gives an application what it needs.
REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA onboarding FROM public;
