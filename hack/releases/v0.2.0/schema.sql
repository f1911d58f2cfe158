--
-- PostgreSQL database dump
--


-- Dumped from database version 15.20 (Debian 15.20-0+deb12u1)
-- Dumped by pg_dump version 15.20 (Debian 15.20-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: pg_trgm; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;


--
-- Name: EXTENSION pg_trgm; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON EXTENSION pg_trgm IS 'text similarity measurement and index searching based on trigrams';


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: prompt_change_queue; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.prompt_change_queue (
    one boolean DEFAULT true NOT NULL,
    served_since timestamp with time zone,
    served_at timestamp with time zone,
    CONSTRAINT prompt_change_queue_one_check CHECK (one)
);


--
-- Name: TABLE prompt_change_queue; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.prompt_change_queue IS 'Since when a controller serves the queue, and when one last did; written only while a request waits for longer than a minute.';


--
-- Name: change_is_overdue(timestamp with time zone, timestamp with time zone, interval); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.change_is_overdue(requested_at timestamp with time zone, own_since timestamp with time zone, expiry interval) RETURNS boolean
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT (COALESCE((own_since < (now() - expiry)), false) OR ((requested_at < (now() - expiry)) AND (NOT (EXISTS ( SELECT
            FROM public.prompt_change_queue q
           WHERE ((q.served_at >= (now() - change_is_overdue.expiry)) AND (change_is_overdue.requested_at >= (q.served_since - change_is_overdue.expiry))))))));
END;


--
-- Name: prompt_changes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.prompt_changes (
    id uuid NOT NULL,
    seq bigint NOT NULL,
    namespace text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    action text NOT NULL,
    edit jsonb DEFAULT '{}'::jsonb NOT NULL,
    expected_version bigint DEFAULT 0 NOT NULL,
    subject text NOT NULL,
    idempotency_key text,
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    asked_as text DEFAULT SESSION_USER NOT NULL,
    replica text DEFAULT current_setting('application_name'::text) NOT NULL,
    state text DEFAULT 'Pending'::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    message text DEFAULT ''::text NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    served bigint DEFAULT 0 NOT NULL,
    new_version boolean DEFAULT false NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    begun_at timestamp with time zone,
    tried_at timestamp with time zone,
    object_uid text DEFAULT ''::text NOT NULL,
    object_version text DEFAULT ''::text NOT NULL,
    generation bigint DEFAULT 0 NOT NULL,
    applied_at timestamp with time zone,
    settled_at timestamp with time zone,
    deferred_at timestamp with time zone,
    sealed bytea,
    token_fingerprint bytea,
    proven_at timestamp with time zone,
    proof_tried_at timestamp with time zone,
    counted_as text GENERATED ALWAYS AS (
CASE
    WHEN (proven_at IS NOT NULL) THEN ('proven '::text || subject)
    WHEN (token_fingerprint IS NOT NULL) THEN ('token '::text || encode(sha256(token_fingerprint), 'hex'::text))
    ELSE ('claimed '::text || subject)
END) STORED NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT prompt_changes_action_check CHECK ((action = ANY (ARRAY['Add'::text, 'Update'::text, 'Delete'::text]))),
    CONSTRAINT prompt_changes_begun CHECK (((begun_at IS NULL) = (attempt = 0))),
    CONSTRAINT prompt_changes_expected_version_check CHECK ((expected_version >= 0)),
    CONSTRAINT prompt_changes_idempotency_key_check CHECK ((idempotency_key <> ''::text)),
    CONSTRAINT prompt_changes_name_check CHECK ((name <> ''::text)),
    CONSTRAINT prompt_changes_namespace_check CHECK ((namespace <> ''::text)),
    CONSTRAINT prompt_changes_sealed_check CHECK (((octet_length(sealed) >= 1) AND (octet_length(sealed) <= 24576))),
    CONSTRAINT prompt_changes_settled CHECK (((settled_at IS NULL) = (state = ANY (ARRAY['Pending'::text, 'Applied'::text])))),
    CONSTRAINT prompt_changes_state_check CHECK ((state = ANY (ARRAY['Pending'::text, 'Applied'::text, 'Published'::text, 'Blocked'::text, 'Refused'::text, 'Conflict'::text, 'Expired'::text]))),
    CONSTRAINT prompt_changes_subject_check CHECK ((subject <> ''::text)),
    CONSTRAINT prompt_changes_token_fingerprint_check CHECK ((octet_length(token_fingerprint) = 32))
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='500', autovacuum_analyze_scale_factor='0.02', autovacuum_analyze_threshold='500', toast.autovacuum_vacuum_scale_factor='0.02', toast.autovacuum_vacuum_threshold='500');


--
-- Name: TABLE prompt_changes; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.prompt_changes IS 'Writes asked for over MCP. A server inserts up to replica; what follows is the controller''s alone.';


--
-- Name: COLUMN prompt_changes.edit; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompt_changes.edit IS 'Its digest once the request is settled: a version may be withdrawn for what it says.';


--
-- Name: COLUMN prompt_changes.asked_as; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompt_changes.asked_as IS 'The database role that inserted the row.';


--
-- Name: COLUMN prompt_changes.attempt; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompt_changes.attempt IS 'How often the controller began to write the object. Whoever goes on compares it first, so that of two leaders one does.';


--
-- Name: COLUMN prompt_changes.object_uid; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompt_changes.object_uid IS 'With object_version: what the last attempt was about to write; empty for an object it was about to create.';


--
-- Name: COLUMN prompt_changes.generation; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompt_changes.generation IS 'Of the object once it is written.';


--
-- Name: COLUMN prompt_changes.deferred_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompt_changes.deferred_at IS 'When its turn first came and it could not be begun: since then it waits for no other request.';


--
-- Name: COLUMN prompt_changes.sealed; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompt_changes.sealed IS 'The caller''s token, which only a controller can open, and only for this row; null once it is of no use, at the latest after 15 minutes. Servers may insert it and not read it.';


--
-- Name: COLUMN prompt_changes.token_fingerprint; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompt_changes.token_fingerprint IS 'HMAC of the subject with the caller''s token as key. Servers may insert it and not read it.';


--
-- Name: COLUMN prompt_changes.proven_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompt_changes.proven_at IS 'When a controller found the request to be of its subject. It asks again before it writes the object.';


--
-- Name: COLUMN prompt_changes.proof_tried_at; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompt_changes.proof_tried_at IS 'When a controller last could not find out whether it is, because something was unavailable.';


--
-- Name: count_open_changes(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.count_open_changes(OUT open bigint, OUT bytes bigint) RETURNS record
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT count(*) AS count,
     COALESCE(sum(c.bytes), (0)::bigint) AS "coalesce"
    FROM ( SELECT (pg_column_size(o.edit) + COALESCE(octet_length(o.sealed), 0)) AS bytes
            FROM public.prompt_changes o
           WHERE (o.settled_at IS NULL)
          LIMIT 10001) c;
END;


--
-- Name: erased(jsonb); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.erased(edit jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
  select jsonb_build_object('erased', encode(sha256(convert_to(edit::text, 'UTF8')), 'hex'))
$$;


--
-- Name: refuse_unbounded_changes(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.refuse_unbounded_changes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  counted record;
begin
  execute format('select * from %I.count_open_changes()', tg_table_schema) into counted;
  if counted.open >= 10000 or counted.bytes >= 268435456 then
    raise exception 'too many change requests are open: % with % bytes; at most 10000 with 268435456 bytes are taken', counted.open, counted.bytes
      using errcode = 'configuration_limit_exceeded', hint = 'Try again when the controller has worked them off.';
  end if;
  return new;
end
$$;


--
-- Name: refuse_version_update(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.refuse_version_update() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  if old.withdrawn_at is null and new.withdrawn_at is not null
     and (new.prompt_id, new.version, new.digest, new.provenance, new.published_at)
       = (old.prompt_id, old.version, old.digest, old.provenance, old.published_at)
     and new.includes = '[]' and new.tags = '{}' and new.variables = '{}' then
    new.provenance := old.provenance - 'message' - 'sourceRevision';
    return new;
  end if;
  raise exception 'version % of prompt % is immutable; it can only be withdrawn', old.version, old.prompt_id
    using errcode = 'integrity_constraint_violation';
end
$$;


--
-- Name: scrub_old_seals(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.scrub_old_seals() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 WITH scrubbed AS (
          UPDATE public.prompt_changes AS c SET sealed = NULL::bytea
           WHERE (c.id IN ( SELECT o.id
                    FROM public.prompt_changes o
                   WHERE ((o.sealed IS NOT NULL) AND (o.requested_at < (now() - '00:14:00'::interval)))
                  FOR UPDATE OF o SKIP LOCKED))
           RETURNING c.id
         )
  SELECT count(*) AS count
    FROM scrubbed;
END;


--
-- Name: stamp_served_since(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.stamp_served_since() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  new.served_since := case when new.default_version is not null then now() end;
  return new;
end
$$;


--
-- Name: cursor_key; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.cursor_key (
    one boolean DEFAULT true NOT NULL,
    key bytea NOT NULL,
    CONSTRAINT cursor_key_key_check CHECK ((octet_length(key) = 32)),
    CONSTRAINT cursor_key_one_check CHECK (one)
);


--
-- Name: TABLE cursor_key; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.cursor_key IS 'What servers seal places in lists with which the caller may not read; one for all replicas.';


--
-- Name: feed; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.feed (
    one boolean DEFAULT true NOT NULL,
    epoch bigint DEFAULT (EXTRACT(epoch FROM now()))::bigint NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT feed_one_check CHECK (one)
);


--
-- Name: TABLE feed; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.feed IS 'The last revision given out. Its row lock, held to commit, is what orders all visible changes.';


--
-- Name: goose_db_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.goose_db_version (
    id integer NOT NULL,
    version_id bigint NOT NULL,
    is_applied boolean NOT NULL,
    tstamp timestamp without time zone DEFAULT now() NOT NULL
);


--
-- Name: goose_db_version_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.goose_db_version ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.goose_db_version_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: installation; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.installation (
    one boolean DEFAULT true NOT NULL,
    cluster_uid text,
    claimed_at timestamp with time zone,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    CONSTRAINT installation_cluster_uid_check CHECK ((cluster_uid <> ''::text)),
    CONSTRAINT installation_one_check CHECK (one)
);


--
-- Name: TABLE installation; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.installation IS 'The cluster that may write here, by the UID of its kube-system namespace; null until a controller claims it.';


--
-- Name: COLUMN installation.id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.installation.id IS 'Made once; with the epoch it is part of what a seal is bound to.';


--
-- Name: prompt_change_locks; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.prompt_change_locks (
    stripe integer NOT NULL
);


--
-- Name: TABLE prompt_change_locks; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.prompt_change_locks IS 'Two controllers that begin requests of one prompt at once lock the same row first.';


--
-- Name: prompt_changes_seq_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.prompt_changes ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.prompt_changes_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: prompt_channel_moves; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.prompt_channel_moves (
    id bigint NOT NULL,
    prompt_id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    from_version bigint,
    to_version bigint,
    moved_at timestamp with time zone DEFAULT now() NOT NULL,
    generation bigint NOT NULL
);


--
-- Name: TABLE prompt_channel_moves; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.prompt_channel_moves IS 'Every move but those of latest, whose history is that of the versions. No reference to versions: history outlives them.';


--
-- Name: prompt_channel_moves_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.prompt_channel_moves ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.prompt_channel_moves_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: prompt_channels; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.prompt_channels (
    prompt_id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    version bigint,
    CONSTRAINT prompt_channels_name_check CHECK ((name <> ''::text))
);


--
-- Name: TABLE prompt_channels; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.prompt_channels IS 'latest included.';


--
-- Name: COLUMN prompt_channels.version; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompt_channels.version IS 'Null when the manifest states the channel and it points to no stored version.';


--
-- Name: prompt_search; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.prompt_search (
    prompt_id bigint NOT NULL,
    version bigint NOT NULL,
    title tsvector NOT NULL,
    about tsvector NOT NULL,
    words tsvector NOT NULL,
    written text NOT NULL,
    tags text[] NOT NULL,
    metadata jsonb
)
WITH (toast_tuple_target='512', autovacuum_vacuum_scale_factor='0.05', toast.autovacuum_vacuum_scale_factor='0.05');


--
-- Name: TABLE prompt_search; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.prompt_search IS 'What a search finds prompts by: derived from the default version, may be rebuilt (upkeep fills what is missing).';


--
-- Name: COLUMN prompt_search.title; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompt_search.title IS 'Words of the title, in lower case as the program has it, since a locale may know ASCII only.';


--
-- Name: COLUMN prompt_search.about; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompt_search.about IS 'Those and the words of description and tags.';


--
-- Name: COLUMN prompt_search.words; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompt_search.words IS 'Title A, description and tags B, text with includes expanded C; of a long text, the words after the first 100,000 characters without positions, as D.';


--
-- Name: COLUMN prompt_search.written; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompt_search.written IS 'Title, name, description, tags and text as written, in lower case, U+001F between them.';


--
-- Name: prompt_similarity; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.prompt_similarity (
    prompt_id bigint NOT NULL,
    version bigint NOT NULL,
    bands bigint[] NOT NULL,
    CONSTRAINT prompt_similarity_bands_check CHECK ((cardinality(bands) = 16))
)
WITH (autovacuum_vacuum_scale_factor='0.05');


--
-- Name: TABLE prompt_similarity; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.prompt_similarity IS 'Min-hash bands of the default version''s text as written; derived, may be rebuilt (upkeep fills what is missing).';


--
-- Name: prompt_tags; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.prompt_tags (
    prompt_id bigint NOT NULL,
    tag_id bigint NOT NULL
);


--
-- Name: prompt_variables; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.prompt_variables (
    prompt_id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    "position" integer NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    type text NOT NULL,
    enum text[] DEFAULT '{}'::text[] NOT NULL,
    default_value text,
    required boolean NOT NULL
);


--
-- Name: prompt_versions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.prompt_versions (
    prompt_id bigint NOT NULL,
    version bigint NOT NULL,
    digest text NOT NULL,
    document jsonb,
    includes jsonb DEFAULT '[]'::jsonb NOT NULL,
    source jsonb,
    content text,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    variables text[] DEFAULT '{}'::text[] NOT NULL,
    provenance jsonb DEFAULT '{}'::jsonb NOT NULL,
    published_at timestamp with time zone DEFAULT now() NOT NULL,
    withdrawn_at timestamp with time zone,
    bytes bigint,
    CONSTRAINT prompt_versions_bytes_check CHECK ((bytes >= 0)),
    CONSTRAINT prompt_versions_digest_check CHECK ((digest <> ''::text)),
    CONSTRAINT prompt_versions_text CHECK ((num_nonnulls(document, source, content) =
CASE
    WHEN (withdrawn_at IS NULL) THEN 3
    ELSE 0
END)),
    CONSTRAINT prompt_versions_version_check CHECK ((version > 0))
);


--
-- Name: TABLE prompt_versions; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.prompt_versions IS 'Immutable; a withdrawal erases the text and what was said of it, and keeps number, digest and who wrote it.';


--
-- Name: COLUMN prompt_versions.source; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompt_versions.source IS 'The messages as written, includes not expanded: what an including prompt takes.';


--
-- Name: COLUMN prompt_versions.bytes; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompt_versions.bytes IS 'Of the texts, as written and with includes expanded: what the limit on the stored versions of a prompt counts.';


--
-- Name: prompts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.prompts (
    id bigint NOT NULL,
    namespace text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    owner_uid text NOT NULL,
    generation bigint NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    labels jsonb DEFAULT '{}'::jsonb NOT NULL,
    exposure text DEFAULT 'Listed'::text NOT NULL,
    deletion_policy text DEFAULT 'Delete'::text NOT NULL,
    history_limit integer DEFAULT 0 NOT NULL,
    highest_version bigint DEFAULT 0 NOT NULL,
    digest text DEFAULT ''::text NOT NULL,
    latest_version bigint,
    default_version bigint,
    title text DEFAULT ''::text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    category text DEFAULT ''::text NOT NULL,
    is_template boolean DEFAULT false NOT NULL,
    metadata jsonb,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    arguments jsonb DEFAULT '[]'::jsonb NOT NULL,
    tags_text text DEFAULT ''::text NOT NULL,
    search tsvector DEFAULT ''::tsvector NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    purged_at timestamp with time zone,
    served_since timestamp with time zone,
    CONSTRAINT prompts_check CHECK (((purged_at IS NULL) OR (deleted_at IS NOT NULL))),
    CONSTRAINT prompts_deletion_policy_check CHECK ((deletion_policy = ANY (ARRAY['Delete'::text, 'Retain'::text]))),
    CONSTRAINT prompts_exposure_check CHECK ((exposure = ANY (ARRAY['Listed'::text, 'Unlisted'::text, 'Fragment'::text]))),
    CONSTRAINT prompts_highest_version_check CHECK ((highest_version >= 0)),
    CONSTRAINT prompts_history_limit_check CHECK ((history_limit >= 0)),
    CONSTRAINT prompts_revision_check CHECK ((revision >= 0))
)
WITH (autovacuum_vacuum_scale_factor='0.05');


--
-- Name: TABLE prompts; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.prompts IS 'One row a prompt, tombstones included. From title to search: what its default version says.';


--
-- Name: COLUMN prompts.revision; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompts.revision IS 'Of its last visible change; 0 only inside the transaction that inserts the row.';


--
-- Name: COLUMN prompts.highest_version; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompts.highest_version IS 'The highest number ever given out; survives a purge, so that no number is used twice.';


--
-- Name: COLUMN prompts.digest; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompts.digest IS 'Of the newest version, which the next publish compares with; empty when none is stored.';


--
-- Name: COLUMN prompts.latest_version; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompts.latest_version IS 'The highest version not withdrawn; null when there is none.';


--
-- Name: COLUMN prompts.default_version; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompts.default_version IS 'What callers get who name no version; null when production never pointed to one.';


--
-- Name: COLUMN prompts.search; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompts.search IS 'Unused since prompt_search. v0.1.0 writes it, so it stays as long as one may go back to that.';


--
-- Name: COLUMN prompts.served_since; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.prompts.served_since IS 'When default_version became what callers get; null while there is none, and where that was before this column.';


--
-- Name: prompts_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.prompts ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.prompts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: tags; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tags (
    id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C"
);


--
-- Name: tags_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.tags ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.tags_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: cursor_key cursor_key_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.cursor_key
    ADD CONSTRAINT cursor_key_pkey PRIMARY KEY (one);


--
-- Name: feed feed_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.feed
    ADD CONSTRAINT feed_pkey PRIMARY KEY (one);


--
-- Name: goose_db_version goose_db_version_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.goose_db_version
    ADD CONSTRAINT goose_db_version_pkey PRIMARY KEY (id);


--
-- Name: installation installation_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (one);


--
-- Name: prompt_change_locks prompt_change_locks_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_change_locks
    ADD CONSTRAINT prompt_change_locks_pkey PRIMARY KEY (stripe);


--
-- Name: prompt_change_queue prompt_change_queue_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_change_queue
    ADD CONSTRAINT prompt_change_queue_pkey PRIMARY KEY (one);


--
-- Name: prompt_changes prompt_changes_edit_size; Type: CHECK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE public.prompt_changes
    ADD CONSTRAINT prompt_changes_edit_size CHECK ((pg_column_size(edit) <= 524288)) NOT VALID;


--
-- Name: prompt_changes prompt_changes_key_size; Type: CHECK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE public.prompt_changes
    ADD CONSTRAINT prompt_changes_key_size CHECK ((octet_length(idempotency_key) <= 256)) NOT VALID;


--
-- Name: prompt_changes prompt_changes_name_size; Type: CHECK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE public.prompt_changes
    ADD CONSTRAINT prompt_changes_name_size CHECK ((octet_length(name) <= 63)) NOT VALID;


--
-- Name: prompt_changes prompt_changes_namespace_size; Type: CHECK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE public.prompt_changes
    ADD CONSTRAINT prompt_changes_namespace_size CHECK ((octet_length(namespace) <= 63)) NOT VALID;


--
-- Name: prompt_changes prompt_changes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_changes
    ADD CONSTRAINT prompt_changes_pkey PRIMARY KEY (id);


--
-- Name: prompt_changes prompt_changes_seq_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_changes
    ADD CONSTRAINT prompt_changes_seq_key UNIQUE (seq);


--
-- Name: prompt_changes prompt_changes_subject_size; Type: CHECK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE public.prompt_changes
    ADD CONSTRAINT prompt_changes_subject_size CHECK ((octet_length(subject) <= 1024)) NOT VALID;


--
-- Name: prompt_channel_moves prompt_channel_moves_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_channel_moves
    ADD CONSTRAINT prompt_channel_moves_pkey PRIMARY KEY (id);


--
-- Name: prompt_channels prompt_channels_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_channels
    ADD CONSTRAINT prompt_channels_pkey PRIMARY KEY (prompt_id, name);


--
-- Name: prompt_search prompt_search_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_search
    ADD CONSTRAINT prompt_search_pkey PRIMARY KEY (prompt_id);


--
-- Name: prompt_similarity prompt_similarity_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_similarity
    ADD CONSTRAINT prompt_similarity_pkey PRIMARY KEY (prompt_id);


--
-- Name: prompt_tags prompt_tags_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_tags
    ADD CONSTRAINT prompt_tags_pkey PRIMARY KEY (prompt_id, tag_id);


--
-- Name: prompt_variables prompt_variables_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_variables
    ADD CONSTRAINT prompt_variables_pkey PRIMARY KEY (prompt_id, name);


--
-- Name: prompt_versions prompt_versions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_versions
    ADD CONSTRAINT prompt_versions_pkey PRIMARY KEY (prompt_id, version);


--
-- Name: prompts prompts_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompts
    ADD CONSTRAINT prompts_key UNIQUE (namespace, name);


--
-- Name: prompts prompts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompts
    ADD CONSTRAINT prompts_pkey PRIMARY KEY (id);


--
-- Name: tags tags_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tags
    ADD CONSTRAINT tags_name_key UNIQUE (name);


--
-- Name: tags tags_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tags
    ADD CONSTRAINT tags_pkey PRIMARY KEY (id);


--
-- Name: prompt_changes_answered; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_changes_answered ON public.prompt_changes USING btree (namespace, name) WHERE (settled_at IS NOT NULL);


--
-- Name: prompt_changes_forged; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_changes_forged ON public.prompt_changes USING btree (settled_at) WHERE ((proven_at IS NULL) AND (state = ANY (ARRAY['Refused'::text, 'Expired'::text])));


--
-- Name: prompt_changes_no_namespace; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_changes_no_namespace ON public.prompt_changes USING btree (namespace, settled_at) WHERE (reason = 'NamespaceMissing'::text);


--
-- Name: prompt_changes_of_caller; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_changes_of_caller ON public.prompt_changes USING btree (counted_as, namespace) WHERE (settled_at IS NULL);


--
-- Name: prompt_changes_old; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_changes_old ON public.prompt_changes USING btree (settled_at) WHERE (settled_at IS NOT NULL);


--
-- Name: prompt_changes_once; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX prompt_changes_once ON public.prompt_changes USING btree (counted_as, idempotency_key);


--
-- Name: prompt_changes_open; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_changes_open ON public.prompt_changes USING btree (namespace, name, seq) WHERE (settled_at IS NULL);


--
-- Name: prompt_changes_sealed; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_changes_sealed ON public.prompt_changes USING btree (requested_at) WHERE (sealed IS NOT NULL);


--
-- Name: prompt_changes_unproven; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_changes_unproven ON public.prompt_changes USING btree (counted_as, seq) WHERE ((settled_at IS NULL) AND (begun_at IS NULL) AND (proven_at IS NULL));


--
-- Name: prompt_channel_moves_prompt; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_channel_moves_prompt ON public.prompt_channel_moves USING btree (prompt_id, id);


--
-- Name: prompt_channels_version; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_channels_version ON public.prompt_channels USING btree (prompt_id, version);


--
-- Name: prompt_search_about; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_search_about ON public.prompt_search USING gin (about);


--
-- Name: prompt_search_metadata; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_search_metadata ON public.prompt_search USING gin (metadata jsonb_path_ops);


--
-- Name: prompt_search_tags; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_search_tags ON public.prompt_search USING gin (tags);


--
-- Name: prompt_search_title; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_search_title ON public.prompt_search USING gin (title);


--
-- Name: prompt_search_words; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_search_words ON public.prompt_search USING gin (words) WITH (gin_pending_list_limit='512');


--
-- Name: prompt_search_written; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_search_written ON public.prompt_search USING gin (written public.gin_trgm_ops) WITH (gin_pending_list_limit='512');


--
-- Name: prompt_similarity_bands; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_similarity_bands ON public.prompt_similarity USING gin (bands) WITH (gin_pending_list_limit='512');


--
-- Name: prompt_tags_tag; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_tags_tag ON public.prompt_tags USING btree (tag_id, prompt_id);


--
-- Name: prompt_versions_includes; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompt_versions_includes ON public.prompt_versions USING gin (includes jsonb_path_ops) WHERE (includes <> '[]'::jsonb);


--
-- Name: prompts_born; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompts_born ON public.prompts USING btree (created_at, namespace, name) WHERE ((exposure = 'Listed'::text) AND (deleted_at IS NULL) AND (default_version IS NOT NULL));


--
-- Name: prompts_listed; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompts_listed ON public.prompts USING btree (namespace, name) WHERE ((exposure = 'Listed'::text) AND (deleted_at IS NULL) AND (default_version IS NOT NULL));


--
-- Name: prompts_names; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompts_names ON public.prompts USING btree (name, namespace) WHERE ((exposure = 'Listed'::text) AND (deleted_at IS NULL) AND (default_version IS NOT NULL));


--
-- Name: prompts_revision; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX prompts_revision ON public.prompts USING btree (revision) WHERE (revision > 0);


--
-- Name: prompts_tombstones; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX prompts_tombstones ON public.prompts USING btree (deleted_at) WHERE ((deleted_at IS NOT NULL) AND (purged_at IS NULL) AND (deletion_policy = 'Delete'::text));


--
-- Name: prompt_changes bounded; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER bounded BEFORE INSERT ON public.prompt_changes FOR EACH ROW EXECUTE FUNCTION public.refuse_unbounded_changes();


--
-- Name: prompt_versions immutable; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER immutable BEFORE UPDATE ON public.prompt_versions FOR EACH ROW EXECUTE FUNCTION public.refuse_version_update();


--
-- Name: prompts served_since; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER served_since BEFORE UPDATE OF default_version, deleted_at ON public.prompts FOR EACH ROW WHEN (((old.default_version IS DISTINCT FROM new.default_version) OR ((old.deleted_at IS NOT NULL) AND (new.deleted_at IS NULL)))) EXECUTE FUNCTION public.stamp_served_since();


--
-- Name: prompt_channel_moves prompt_channel_moves_prompt_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_channel_moves
    ADD CONSTRAINT prompt_channel_moves_prompt_id_fkey FOREIGN KEY (prompt_id) REFERENCES public.prompts(id);


--
-- Name: prompt_channels prompt_channels_prompt_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_channels
    ADD CONSTRAINT prompt_channels_prompt_id_fkey FOREIGN KEY (prompt_id) REFERENCES public.prompts(id);


--
-- Name: prompt_channels prompt_channels_prompt_id_version_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_channels
    ADD CONSTRAINT prompt_channels_prompt_id_version_fkey FOREIGN KEY (prompt_id, version) REFERENCES public.prompt_versions(prompt_id, version);


--
-- Name: prompt_search prompt_search_prompt_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_search
    ADD CONSTRAINT prompt_search_prompt_id_fkey FOREIGN KEY (prompt_id) REFERENCES public.prompts(id);


--
-- Name: prompt_search prompt_search_prompt_id_version_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_search
    ADD CONSTRAINT prompt_search_prompt_id_version_fkey FOREIGN KEY (prompt_id, version) REFERENCES public.prompt_versions(prompt_id, version) ON DELETE CASCADE;


--
-- Name: prompt_similarity prompt_similarity_prompt_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_similarity
    ADD CONSTRAINT prompt_similarity_prompt_id_fkey FOREIGN KEY (prompt_id) REFERENCES public.prompts(id);


--
-- Name: prompt_similarity prompt_similarity_prompt_id_version_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_similarity
    ADD CONSTRAINT prompt_similarity_prompt_id_version_fkey FOREIGN KEY (prompt_id, version) REFERENCES public.prompt_versions(prompt_id, version) ON DELETE CASCADE;


--
-- Name: prompt_tags prompt_tags_prompt_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_tags
    ADD CONSTRAINT prompt_tags_prompt_id_fkey FOREIGN KEY (prompt_id) REFERENCES public.prompts(id);


--
-- Name: prompt_tags prompt_tags_tag_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_tags
    ADD CONSTRAINT prompt_tags_tag_id_fkey FOREIGN KEY (tag_id) REFERENCES public.tags(id);


--
-- Name: prompt_variables prompt_variables_prompt_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_variables
    ADD CONSTRAINT prompt_variables_prompt_id_fkey FOREIGN KEY (prompt_id) REFERENCES public.prompts(id);


--
-- Name: prompt_versions prompt_versions_prompt_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompt_versions
    ADD CONSTRAINT prompt_versions_prompt_id_fkey FOREIGN KEY (prompt_id) REFERENCES public.prompts(id);


--
-- Name: prompts prompts_default; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompts
    ADD CONSTRAINT prompts_default FOREIGN KEY (id, default_version) REFERENCES public.prompt_versions(prompt_id, version) DEFERRABLE INITIALLY DEFERRED;


--
-- Name: prompts prompts_latest; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.prompts
    ADD CONSTRAINT prompts_latest FOREIGN KEY (id, latest_version) REFERENCES public.prompt_versions(prompt_id, version) DEFERRABLE INITIALLY DEFERRED;


--
-- Name: SCHEMA public; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA public TO lectern_server;


--
-- Name: COLUMN prompt_changes.id; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(id),INSERT(id) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.seq; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(seq) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.namespace; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(namespace),INSERT(namespace) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.name; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(name),INSERT(name) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.action; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(action),INSERT(action) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.edit; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(edit),INSERT(edit) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.expected_version; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(expected_version),INSERT(expected_version) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.subject; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(subject),INSERT(subject) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.idempotency_key; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(idempotency_key),INSERT(idempotency_key) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.requested_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(requested_at) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.asked_as; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(asked_as) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.replica; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(replica) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.state; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(state) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.reason; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(reason) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.message; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(message) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.version; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(version) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.served; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(served) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.new_version; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(new_version) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.attempt; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(attempt) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.begun_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(begun_at) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.tried_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(tried_at) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.object_uid; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(object_uid) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.object_version; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(object_version) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.generation; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(generation) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.applied_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(applied_at) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.settled_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(settled_at) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.deferred_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(deferred_at) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.sealed; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(sealed) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.token_fingerprint; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(token_fingerprint) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.proven_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(proven_at) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.proof_tried_at; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(proof_tried_at) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: COLUMN prompt_changes.counted_as; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(counted_as) ON TABLE public.prompt_changes TO lectern_server;


--
-- Name: FUNCTION count_open_changes(OUT open bigint, OUT bytes bigint); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.count_open_changes(OUT open bigint, OUT bytes bigint) FROM PUBLIC;


--
-- Name: FUNCTION refuse_unbounded_changes(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.refuse_unbounded_changes() FROM PUBLIC;


--
-- Name: FUNCTION scrub_old_seals(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.scrub_old_seals() FROM PUBLIC;
GRANT ALL ON FUNCTION public.scrub_old_seals() TO lectern_server;


--
-- Name: TABLE cursor_key; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.cursor_key TO lectern_server;


--
-- Name: TABLE feed; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.feed TO lectern_server;


--
-- Name: TABLE goose_db_version; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.goose_db_version TO lectern_server;


--
-- Name: COLUMN installation.id; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT(id) ON TABLE public.installation TO lectern_server;


--
-- Name: TABLE prompt_channel_moves; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.prompt_channel_moves TO lectern_server;


--
-- Name: TABLE prompt_channels; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.prompt_channels TO lectern_server;


--
-- Name: TABLE prompt_search; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.prompt_search TO lectern_server;


--
-- Name: TABLE prompt_similarity; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.prompt_similarity TO lectern_server;


--
-- Name: TABLE prompt_tags; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.prompt_tags TO lectern_server;


--
-- Name: TABLE prompt_variables; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.prompt_variables TO lectern_server;


--
-- Name: TABLE prompt_versions; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.prompt_versions TO lectern_server;


--
-- Name: TABLE prompts; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.prompts TO lectern_server;


--
-- Name: TABLE tags; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.tags TO lectern_server;


--
-- PostgreSQL database dump complete
--


