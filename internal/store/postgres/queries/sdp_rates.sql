-- name: TakeRate :one
select t.granted::integer as granted, t.retry_ms::integer as retry_ms, t.replicas::integer as replicas
  from take_rate(@connection_id, @lane, @wanted) t;

-- name: PauseRate :one
select extract(epoch from pause_rate(@connection_id, @milliseconds) - clock_timestamp())::double precision as seconds;
