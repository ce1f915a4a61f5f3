-- Rows are written as the owner of their target: triggers, deferred ones too, see that role and nothing more.
SET client_min_messages = warning;
CREATE ROLE target_owner;
ALTER TABLE items OWNER TO target_owner;
CREATE TABLE seen (what text, who text, path text);
GRANT INSERT ON seen TO target_owner;
GRANT CREATE ON SCHEMA public TO target_owner;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.seen VALUES (TG_NAME, current_user, current_setting('search_path'));
    RETURN NULL;
END $$;
CREATE TRIGGER at_once AFTER INSERT OR UPDATE ON items FOR EACH STATEMENT EXECUTE FUNCTION note();
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT OR UPDATE ON items DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note();
UPDATE items SET name = 'changed here';
TRUNCATE seen;
CALL upstream.sync('a1', 'items', true) \gset
SELECT updated, message FROM brief(:'result');
SELECT DISTINCT what, who, path FROM seen ORDER BY 1;

-- a trigger cannot become somebody else
ALTER TABLE items DISABLE TRIGGER deferred;
UPDATE items SET name = 'changed again';
CREATE OR REPLACE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SET ROLE upstream_worker;
    RETURN NULL;
END $$;
CALL upstream.sync('a1', 'items', true) \gset
SELECT message FROM brief(:'result');
SELECT error_code, error_sqlstate FROM upstream.model_status;
SELECT count(*) FROM items WHERE name = 'changed again';

-- a target that lost its column, then itself
ALTER TABLE items DISABLE TRIGGER at_once;
ALTER TABLE items DROP COLUMN name;
CALL upstream.sync('a1') \gset
SELECT message FROM brief(:'result');
DROP TABLE items;
CALL upstream.sync('a1') \gset
SELECT message FROM brief(:'result');
SELECT error_code, error_hint FROM upstream.model_status;

SELECT upstream.drop_source('sim', true);
DROP EXTENSION pg_upstream;
SELECT count(*) FROM pg_namespace WHERE nspname = 'upstream';
DROP TABLE seen;
DROP FUNCTION note, brief, spec;
DROP PROCEDURE remake;
REVOKE ALL ON SCHEMA public FROM target_owner;
DROP ROLE target_owner, upstream_worker;
