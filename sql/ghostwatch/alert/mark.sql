CREATE FUNCTION ghostwatch.mark(
    label text,
    credential uuid DEFAULT ghostwatch._credential()
)
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
-- A definer: operators change records through functions only, and this one records who called it.
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $mark$
-- A deploy script must not fail because of a long label, so it is cut. A script that loops fills no table: of each role the
-- last thousand markers are kept.
DECLARE
    caller   constant regrole := ghostwatch._caller(credential);
    kept     constant text := btrim(ghostwatch._one_line(mark.label, 100));
    as_of    constant timestamptz := ghostwatch._clock();
BEGIN
    IF coalesce(kept, '') = '' THEN
        RAISE EXCEPTION 'a deploy marker needs a label'
        USING
            ERRCODE = 'GW080',
            DETAIL = format('The label given is %s.', quote_nullable(mark.label)),
            HINT = 'SELECT ghostwatch.mark(''release 214'');';
    END IF;

    INSERT INTO ghostwatch.mark (marked_at, owner, label)
    VALUES (as_of, caller, kept);

    DELETE FROM ghostwatch.mark AS m
    WHERE m.owner = caller
        AND m.mark_id <= (
            SELECT oldest.mark_id
            FROM ghostwatch.mark AS oldest
            WHERE oldest.owner = caller
            ORDER BY oldest.mark_id DESC
            OFFSET 1000
            LIMIT 1
        );

    RETURN as_of;
END
$mark$;

COMMENT ON FUNCTION ghostwatch.mark(text, uuid) IS
'Sets a deploy marker: alerts about contracts of this role (and of roles of which it is a member) that begin within an hour say how long after it that was. Returns its time.
label: what was released, cut at 100 characters. Raises GW080 (no label).';
