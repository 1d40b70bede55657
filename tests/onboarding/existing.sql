-- The tables of a bot that was there long before ghostwatch: timestamps without time zone, varchar,
-- an identity of its own, columns that start() does not know, and no index beside the primary keys.
CREATE TABLE public."user" (
    id bigint NOT NULL,
    nickname varchar,
    type varchar NOT NULL,
    inviter_id bigint,
    balance integer NOT NULL DEFAULT 0,
    created_at timestamp NOT NULL DEFAULT now(),
    last_active_at timestamp,
    blocked_bot_at timestamp,
    CONSTRAINT pk_user PRIMARY KEY (id),
    CONSTRAINT fk_user_inviter FOREIGN KEY (inviter_id) REFERENCES public."user" (id) ON DELETE SET NULL
);

CREATE TABLE public.user_tg (
    id bigint NOT NULL,
    username varchar,
    first_name varchar(64) NOT NULL,
    last_name varchar,
    is_premium boolean,
    language_code varchar(16),
    deep_link varchar,
    created_at timestamp NOT NULL DEFAULT now(),
    updated_at timestamp,
    CONSTRAINT pk_user_tg PRIMARY KEY (id)
);

CREATE TABLE public.user_language (
    language_code varchar NOT NULL,
    user_id bigint NOT NULL REFERENCES public."user" ON DELETE CASCADE,
    created_at timestamp NOT NULL DEFAULT now(),
    CONSTRAINT pk_user_language PRIMARY KEY (language_code, user_id)
);

CREATE TABLE public.user_deep_link_log (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL,
    deep_link varchar,
    created_at timestamp NOT NULL DEFAULT now()
);

CREATE TABLE public.user_meme_reaction (
    user_id bigint NOT NULL REFERENCES public."user" ON DELETE CASCADE,
    meme_id bigint NOT NULL,
    recommended_by varchar NOT NULL,
    sent_at timestamp NOT NULL DEFAULT now(),
    reaction_id integer,
    reacted_at timestamp,
    CONSTRAINT pk_user_meme_reaction PRIMARY KEY (user_id, meme_id)
);
