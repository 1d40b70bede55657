-- Nothing is executable by everyone; grant_sidecar() and grant_operator() give what a role needs.
REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA ghostwatch FROM public;
