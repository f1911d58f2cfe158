package postgres

import (
	"context"
	"maps"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// ownSettings are stated when a session starts, before which a role's own settings give way: whoever has the role may change those
// (alter role ... set), for all its later sessions. They are those that keep a program from working, or from finding what is there;
// others make it slower. What the connection string says counts more.
var ownSettings = map[string]string{
	"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0", "idle_session_timeout": "0",
	"default_transaction_isolation": "read committed", "default_transaction_deferrable": "off",
	"exit_on_error": "off", "local_preload_libraries": "", "client_min_messages": "warning", "gin_fuzzy_search_limit": "0",
	"enable_indexscan": "on", "enable_indexonlyscan": "on", "enable_bitmapscan": "on", "jit": "off",
}

// settingsSince are those of later versions, which earlier ones refuse.
var settingsSince = map[int]map[string]string{17: {"transaction_timeout": "0"}}

// startSettings knows which addresses take settings at the start of a session. Poolers do not.
type startSettings struct {
	mu sync.Mutex
	// taken are the settings of an address once it was asked; empty where it takes none.
	taken map[string]map[string]string
}

// apply adds to a configuration the settings that its address takes. The first time it connects, to find that out.
func (s *startSettings) apply(ctx context.Context, cfg *pgx.ConnConfig) error {
	address := net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port)))
	s.mu.Lock()
	taken, isKnown := s.taken[address]
	s.mu.Unlock()
	if !isKnown {
		var err error
		if taken, err = findTakenSettings(ctx, cfg); err != nil {
			return err
		}
		s.mu.Lock()
		if s.taken == nil {
			s.taken = make(map[string]map[string]string)
		}
		s.taken[address] = taken
		s.mu.Unlock()
	}
	addSettings(cfg, taken)
	return nil
}

func addSettings(cfg *pgx.ConnConfig, settings map[string]string) {
	for name, value := range settings {
		if _, isStated := cfg.RuntimeParams[name]; !isStated {
			cfg.RuntimeParams[name] = value
		}
	}
}

func findTakenSettings(ctx context.Context, cfg *pgx.ConnConfig) (map[string]string, error) {
	trial := cfg.Copy()
	addSettings(trial, ownSettings)
	conn, err := pgx.ConnectConfig(ctx, trial)
	if hasState(err, stateProtocol, stateUndefinedObject) { // a pooler, or a database that is no Postgres
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer closeWithin(ctx, conn)
	taken := maps.Clone(ownSettings)
	version := conn.PgConn().ParameterStatus("server_version") // "18.1 (Debian ...)", "19beta1"
	major, _ := strconv.Atoi(version[:len(version)-len(strings.TrimLeft(version, "0123456789"))])
	for since, settings := range settingsSince {
		if major >= since {
			maps.Copy(taken, settings)
		}
	}
	return taken, nil
}
