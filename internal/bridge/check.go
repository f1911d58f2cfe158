package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// discover is a request that every server of revision 2026-07-28 answers, to whoever is let in.
const discover = `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{` +
	`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},` +
	`"io.modelcontextprotocol/clientInfo":{"name":"lectern-connect","version":"1"}}}}`

// Check sends one request, and returns why the server does not answer it, or what the server calls itself.
func (s *Server) Check(ctx context.Context) (string, error) {
	m := parseMessage([]byte(discover))
	found, answered := "", false
	err := s.exchange(ctx, m, "", func(line []byte, a *answer) error {
		var said struct {
			Result struct {
				Meta struct {
					Server struct{ Name, Version string } `json:"io.modelcontextprotocol/serverInfo"`
				} `json:"_meta"`
			}
			Error *failure
		}
		if err := json.Unmarshal(line, &said); err != nil || !a.answers(m.ID) {
			return &failure{Code: http.StatusBadGateway, Message: "the server did not answer the request"}
		}
		if said.Error != nil {
			return said.Error
		}
		answered = true
		found = strings.TrimSpace(said.Result.Meta.Server.Name + " " + said.Result.Meta.Server.Version)
		return nil
	})
	if f, is := errors.AsType[*failure](err); is && f.inner != nil {
		return "", fmt.Errorf("%s: %w", f.Message, f.inner)
	}
	if err == nil && !answered {
		err = errors.New("the server did not answer the request")
	}
	return found, err
}
