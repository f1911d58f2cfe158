package scenarios

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
	"github.com/lectern-dev/lectern/test/writetally"
)

// isRateRefusal reports whether a server refused a call before it began anything. The client's library has errors of the same type for
// connections that broke, of which nobody knows that.
func isRateRefusal(err error) bool {
	refused, is := errors.AsType[*jsonrpc.Error](err)
	return is && refused.Code == http.StatusTooManyRequests
}

// waitUntilDecided waits until no intent can be decided any more: upkeep looks up what is older than a minute.
func (w *randomWrites) waitUntilDecided(t *testing.T) {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	err := wait.Until(ctx, func(ctx context.Context) error {
		defer pauseFor(ctx, time.Second)
		var open, lately int
		err := w.queryRow(ctx, []any{&open, &lately},
			`select count(*) filter (where outcome is null), count(*) filter (where outcome = 'indeterminate' and given_up_at is null and begun_at > now() - interval '3 minutes')
			   from sdp_writes w join sdp_connections c on c.id = w.connection_id where c.namespace = $1`, w.namespace)
		if err == nil && open+lately > 0 {
			err = fmt.Errorf("%d intents have no outcome, and %d are not decided", open, lately)
		}
		return err
	})
	t.Logf("after %.0f s of upkeep: %v", time.Since(began).Seconds(), err)
}

// readAccount reads the journals and the intents.
func (w *randomWrites) readAccount(t *testing.T) *writetally.Account {
	t.Helper()
	account := &writetally.Account{Disturbances: w.disturbances, ClockSlack: 2 * time.Second, IsDecided: w.plan.isFull}
	for _, write := range w.writes {
		account.Writes = append(account.Writes, *write)
	}
	for _, desk := range w.desks {
		account.Sent = append(account.Sent, w.readJournal(t, desk)...)
	}
	for _, ticket := range w.records {
		token, _ := writetally.ReadTexts(fmt.Sprint(ticket.desk.fake.Record("requests", strings.TrimPrefix(ticket.name, "id:"))["subject"]))
		account.Records = append(account.Records, writetally.Record{Name: ticket.desk.name + " " + ticket.name, Token: token, Order: ticket.order})
	}
	account.Intents = w.readIntents(t)
	return account
}

var idInPath = regexp.MustCompile(`/requests/([0-9]+)`)

// readJournal returns the calls that write, which a fake received.
func (w *randomWrites) readJournal(t *testing.T, desk *faultyDesk) []writetally.Sent {
	t.Helper()
	var sent []writetally.Sent
	require.NoError(t, wait.Until(t.Context(), func(context.Context) error {
		if running := desk.fake.Count(func(c sdptest.Call) bool { return isWrite(c) && !c.Done }); running > 0 {
			return fmt.Errorf("%d calls of %s still run", running, desk.name)
		}
		return nil
	}))
	for _, c := range desk.fake.Calls(isWrite) {
		token, mark := writetally.ReadTexts(fmt.Sprint(c.Input))
		target := ""
		if found := idInPath.FindStringSubmatch(c.Path); found != nil && !desk.isShared("id:"+found[1]) {
			target = desk.name + "/id:" + found[1]
		}
		if token == "" {
			token = w.assigned[target]
		}
		if mark != "" {
			mark = desk.name + " " + mark
		}
		sent = append(sent, writetally.Sent{
			Number: c.Number, Op: desk.name + " " + c.Method + " " + segmentOfID.ReplaceAllString(c.Path, "/*"), Token: token, Mark: mark, Target: target, At: c.At, CarriedOut: c.Wrote, Fault: c.Fault,
		})
	}
	return sent
}

// ofOneWrite are tools whose tickets are changed by calls of one write alone.
var ofOneWrite = map[string]bool{"link_requests": true, "assign_request": true, "set_request_status": true, "close_request": true}

func (w *randomWrites) readIntents(t *testing.T) []writetally.Intent {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, w.OwnerURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, `select w.id::text, w.tool, c.name || ' ' || w.mark, coalesce(w.outcome, ''), w.begun_at, w.deadline, w.ended_at, c.name, coalesce(w.trace ->> 'path', '')
		from sdp_writes w join sdp_connections c on c.id = w.connection_id where c.namespace = $1 order by w.begun_at`, w.namespace)
	require.NoError(t, err)
	intents, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (i writetally.Intent, err error) {
		var ended *time.Time
		var name, path string
		if err = row.Scan(&i.ID, &i.Tool, &i.Mark, &i.Outcome, &i.Begun, &i.Deadline, &ended, &name, &path); ended != nil {
			i.Ended = *ended
		}
		if found := idInPath.FindStringSubmatch(path); found != nil && ofOneWrite[i.Tool] {
			i.Target = name + "/id:" + found[1]
		}
		i.HasText = i.Tool != "assign_request"
		return i, err
	})
	require.NoError(t, err)
	return intents
}
