-- +goose Up

-- 244 random bits; of Postgres' own functions only those of an extension give more.
create table cursor_key (
  one boolean primary key default true check (one),
  key bytea not null check (octet_length(key) = 32)
);
comment on table cursor_key is 'What servers seal places in lists with which the caller may not read; one for all replicas.';
insert into cursor_key (key) select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
