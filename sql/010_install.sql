-- What CREATE EXTENSION makes: documented, owned by a role that can do nothing else, granted to nobody, dumped without secrets.
SET client_min_messages = warning;
CREATE EXTENSION pg_upstream;

-- every object has a comment
SELECT c.relkind, c.relname FROM pg_class c
WHERE c.relnamespace = 'upstream'::regnamespace AND c.relkind IN ('r', 'v') AND obj_description(c.oid, 'pg_class') IS NULL;
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'upstream'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL;

-- nothing is granted to PUBLIC
SELECT p.oid::regprocedure FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE p.pronamespace = 'upstream'::regnamespace AND a.grantee = 0;
SELECT c.relname FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'upstream'::regnamespace AND a.grantee = 0;
SELECT count(*) FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = 'upstream' AND a.grantee = 0;

-- tables and views belong to upstream_worker, which can do nothing by itself
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'upstream'::regnamespace AND c.relkind IN ('r', 'v') AND c.relowner <> 'upstream_worker'::regrole;
SELECT rolsuper, rolcanlogin, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = 'upstream_worker';

-- functions that run with rights pin search_path
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = 'upstream'::regnamespace AND p.prosecdef AND NOT p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'];

-- views show what the reader may see
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'upstream'::regnamespace AND c.relkind = 'v' AND NOT c.reloptions @> ARRAY['security_invoker=true'];

-- configuration and state are dumped, secrets and history are not
SELECT c.relname, c.oid = ANY (e.extconfig) AS dumped FROM pg_class c, pg_extension e
WHERE c.relnamespace = 'upstream'::regnamespace AND c.relkind = 'r' AND e.extname = 'pg_upstream' ORDER BY 1;

SELECT relocatable, superuser, trusted FROM pg_available_extension_versions WHERE name = 'pg_upstream';

-- a role without grants can do nothing
CREATE ROLE nobody_special;
SET ROLE nobody_special;
SELECT upstream.create_source('x', '{}');
SELECT * FROM upstream.model_status;
CALL upstream.sync('x');
RESET ROLE;
DROP ROLE nobody_special;
