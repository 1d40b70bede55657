-- What only one session at a time may do locks its row. An advisory lock would be open to everybody who can connect;
-- these rows can be locked only by the owner of ghostwatch, whose functions do it.
CREATE TABLE ghostwatch.exclusive_task (
    name text NOT NULL,
    CONSTRAINT exclusive_task_pkey PRIMARY KEY (name)
);

COMMENT ON TABLE ghostwatch.exclusive_task IS 'Tasks that one session at a time performs; it holds a lock on the row.';
COMMENT ON COLUMN ghostwatch.exclusive_task.name IS 'The task.';

INSERT INTO ghostwatch.exclusive_task (name)
VALUES ('decide checks_stopped');
