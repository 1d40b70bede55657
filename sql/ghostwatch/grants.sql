-- Nothing is open to everyone, whatever the installer's default privileges say;
-- grant_sidecar() and grant_operator() give what a role needs.
REVOKE ALL ON SCHEMA ghostwatch FROM public;
REVOKE ALL ON ALL TABLES IN SCHEMA ghostwatch FROM public;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA ghostwatch FROM public;
REVOKE ALL ON ALL ROUTINES IN SCHEMA ghostwatch FROM public;
