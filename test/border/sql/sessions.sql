-- Transactions of procedures, waiting, acting as another role, processes.
\getenv folder PG_LIBDIR
\set module :folder '/border'
CREATE PROCEDURE border_units(text) LANGUAGE c AS :'module';
CREATE PROCEDURE border_many(int) LANGUAGE c AS :'module';
CREATE PROCEDURE border_holds() LANGUAGE c AS :'module';
CREATE PROCEDURE border_clock() LANGUAGE c AS :'module';
CREATE FUNCTION border_wait(int, bool DEFAULT false) RETURNS text LANGUAGE c VOLATILE STRICT AS :'module';
CREATE FUNCTION border_wake_self() RETURNS text LANGUAGE c VOLATILE STRICT AS :'module';
CREATE FUNCTION border_descriptor() RETURNS text LANGUAGE c VOLATILE STRICT AS :'module';
CREATE FUNCTION border_as(text, text, bool DEFAULT true) RETURNS text LANGUAGE c VOLATILE STRICT AS :'module';
CREATE FUNCTION border_set_local(text, text) RETURNS text LANGUAGE c VOLATILE STRICT AS :'module';
CREATE FUNCTION border_start_of(int) RETURNS timestamptz LANGUAGE c VOLATILE STRICT AS :'module';
CREATE FUNCTION border_at_commit() RETURNS text LANGUAGE c VOLATILE STRICT AS :'module';
CREATE FUNCTION border_clocks() RETURNS bool LANGUAGE c VOLATILE STRICT AS :'module';
CREATE TABLE border_log (id int, what text);
\pset format unaligned
\pset tuples_only on

-- units of work: what failed is gone, what went before and after stays
CALL border_units($$
    INSERT INTO public.border_log VALUES (1, 'one');
    INSERT INTO public.border_log SELECT i, 'lost' FROM pg_catalog.generate_series(10, 20) AS i WHERE 1 / (20 - i) IS NOT NULL;
    INSERT INTO public.border_log VALUES (2, 'two');
    SELECT 'rows: ' || pg_catalog.count(*) FROM public.border_log
$$);
SELECT * FROM border_log ORDER BY id;
-- an error at the commit itself
CREATE TABLE border_parent (id int PRIMARY KEY);
CREATE TABLE border_child (id int REFERENCES border_parent DEFERRABLE INITIALLY DEFERRED);
CALL border_units($$
    INSERT INTO public.border_child VALUES (1);
    INSERT INTO public.border_parent VALUES (2);
    INSERT INTO public.border_child VALUES (2)
$$);
SELECT * FROM border_child;
-- where a CALL may not commit
BEGIN; CALL border_units('SELECT 1'); ROLLBACK;
CREATE FUNCTION border_calls() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL border_units('SELECT 1'); END $$;
SELECT border_calls();
-- where it may: from another procedure, also with a cursor open around it
DO $$
DECLARE n int;
BEGIN
    FOR n IN SELECT i FROM generate_series(100, 102) AS i LOOP
        CALL border_units('INSERT INTO public.border_log VALUES (100, ''in a loop''); SELECT 1/0');
    END LOOP;
END $$;
SELECT count(*) FROM border_log WHERE id = 100;
TRUNCATE border_log;
CALL border_many(3000);
SELECT count(*) FROM border_log;
TRUNCATE border_log;
CALL border_holds();
CALL border_clock();

-- waiting
SELECT border_wait(10);
SELECT border_wake_self();
SELECT border_descriptor();
SELECT clock_timestamp() AS before \gset
SET statement_timeout = '100ms';
SELECT border_wait(10000);
RESET statement_timeout;
SELECT clock_timestamp() - :'before' < '300 ms';
-- cancelled by another session
SELECT pg_backend_pid() AS pid \gset
\! psql -XqAtc "DO \$\$ DECLARE p int; BEGIN LOOP SELECT pid INTO p FROM pg_stat_activity WHERE query LIKE 'SELECT border_wait(30000)%'; IF FOUND THEN PERFORM pg_sleep(0.2), pg_cancel_backend(p); EXIT; END IF; PERFORM pg_stat_clear_snapshot(), pg_sleep(0.01); END LOOP; END \$\$" >/dev/null 2>&1 &
SELECT clock_timestamp() AS before \gset
SELECT border_wait(30000);
SELECT clock_timestamp() - :'before' < '5 s';
SELECT pg_backend_pid() = :pid;

-- another role
CREATE ROLE regress_border_owner;
CREATE SCHEMA border_owned AUTHORIZATION regress_border_owner;
CREATE TABLE border_owned.log (who text);
ALTER TABLE border_owned.log OWNER TO regress_border_owner;
SELECT border_as('regress_border_owner', 'SELECT current_user || '' for '' || pg_catalog.current_setting(''search_path'')');
SET datestyle = 'SQL, DMY'; SET timezone = 'Asia/Tokyo'; SET intervalstyle = 'iso_8601'; SET extra_float_digits = 0;
SELECT border_as('regress_border_owner', $$SELECT pg_catalog.concat_ws(' ', timestamptz '2024-01-31 10:00Z', interval '1 day 2 hours', float8 '0.1' + float8 '0.2')$$);
SELECT current_setting('datestyle'), current_setting('timezone'), current_setting('intervalstyle'), current_setting('extra_float_digits');
RESET datestyle; RESET timezone; RESET intervalstyle; RESET extra_float_digits;
SELECT border_as('regress_border_owner', 'SET ROLE postgres');
SELECT border_as('regress_border_owner', 'RESET ROLE');
SELECT border_as('regress_border_owner', 'SET SESSION AUTHORIZATION postgres');
SELECT border_as('regress_border_owner', 'CREATE TEMP TABLE border_temp (i int)');
SELECT border_as('regress_border_owner', 'SELECT * FROM public.border_log');
SELECT border_as('regress_border_owner', 'SELECT pg_catalog.set_config(''search_path'', ''public'', false)');
SELECT current_user = session_user, current_setting('search_path');
-- a deferred trigger fires as the owner, and not as the one before at the commit; what was pending fires as who left it
CREATE FUNCTION border_owned.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'fired as %', replace(current_user, session_user, 'the caller'); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER note AFTER INSERT ON border_owned.log DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION border_owned.note();
BEGIN;
SELECT border_as('regress_border_owner', 'INSERT INTO border_owned.log VALUES (current_user) RETURNING who');
\echo commit
COMMIT;
BEGIN;
SELECT border_as('regress_border_owner', 'INSERT INTO border_owned.log VALUES (current_user) RETURNING who', false);
\echo commit
COMMIT;
BEGIN;
INSERT INTO border_owned.log VALUES ('before');
\echo role
SELECT border_as('regress_border_owner', 'INSERT INTO border_owned.log VALUES (current_user) RETURNING who');
\echo commit
COMMIT;
-- a trigger cannot have the next one fire as somebody else
CREATE FUNCTION border_owned.defer() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN SET CONSTRAINTS ALL DEFERRED; RETURN NEW; END $$;
CREATE TRIGGER defer BEFORE INSERT ON border_owned.log FOR EACH ROW EXECUTE FUNCTION border_owned.defer();
SELECT border_as('regress_border_owner', 'INSERT INTO border_owned.log VALUES (current_user) RETURNING who');
DROP TRIGGER defer ON border_owned.log;
-- after an error nothing of the role is left
SELECT border_as('regress_border_owner', 'SELECT 1/0');
SELECT current_user = session_user, current_setting('search_path');
SELECT border_as('nobody_of_that_name', 'SELECT current_user');

-- settings of a transaction
BEGIN; SELECT border_set_local('lock_timeout', '123ms'); SHOW lock_timeout; COMMIT; SHOW lock_timeout;
SELECT border_set_local('lock_timeout', 'long');
SELECT border_set_local('no_such_setting', '1');

-- processes
SELECT border_clocks();
SELECT border_start_of(pg_backend_pid()) = backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid();
SELECT border_start_of(1) IS NULL;

-- at commit: once, and not after a rollback
BEGIN; SELECT border_at_commit(), border_at_commit(); SELECT 'before'; COMMIT;
BEGIN; SELECT border_at_commit(); ROLLBACK;
BEGIN; SELECT 'nothing noted'; COMMIT;
BEGIN; SAVEPOINT s; SELECT border_at_commit(); RELEASE s; COMMIT;
