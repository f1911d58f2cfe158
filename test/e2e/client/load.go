package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

const revision = "2026-07-28"

// Report is what was counted so far.
type Report struct {
	Identities, Calls, Failed int
	// Slowest is the longest call, in seconds.
	Slowest float64
	// Streams were opened; Ended of them came to the result of their request; Cut broke off without.
	Streams, Ended, Cut int
	// Failures are the first of them, in words.
	Failures []string
}

type load struct {
	url string

	mu     sync.Mutex
	report Report
}

// runLoad calls Lectern as every account that has a token in the folder, as often as asked in all, and keeps a stream open for
// each. GET /report says what was counted.
func runLoad(ctx context.Context, url, folder, perSecond string) error {
	rate, err := strconv.Atoi(perSecond)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(folder, "caller-*"))
	if err != nil || len(files) == 0 || rate <= 0 {
		return errors.Join(fmt.Errorf("no tokens in %s, or no rate", folder), err)
	}
	l := &load{url: url}
	l.report.Identities = len(files)
	var callers sync.WaitGroup
	pause := time.Duration(len(files)) * time.Second / time.Duration(rate)
	for i, file := range files {
		callers.Go(func() { l.callRegularly(ctx, i, file, pause) })
		callers.Go(func() { l.keepStream(ctx, file) })
	}
	server := &http.Server{Addr: ":8080", ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(l.serveReport)}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	err = server.ListenAndServe()
	callers.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

func (l *load) serveReport(w http.ResponseWriter, _ *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = json.NewEncoder(w).Encode(l.report)
}

// callRegularly makes the calls of one caller, on connections of its own. A call that takes long delays no other.
func (l *load) callRegularly(ctx context.Context, i int, tokenFile string, pause time.Duration) {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{IdleConnTimeout: 90 * time.Second}}
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	var calls sync.WaitGroup
	defer calls.Wait()
	for ; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		calls.Go(func() {
			begun := time.Now()
			err := l.call(ctx, client, tokenFile, i)
			if ctx.Err() == nil {
				l.count(time.Since(begun), err)
			}
		})
	}
}

func (l *load) count(took time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.Calls++
	l.report.Slowest = max(l.report.Slowest, took.Seconds())
	if err != nil {
		l.report.Failed++
		l.fail(err)
	}
}

// fail remembers a failure; the lock is held.
func (l *load) fail(err error) {
	if len(l.report.Failures) < 10 {
		l.report.Failures = append(l.report.Failures, time.Now().UTC().Format("15:04:05.000 ")+err.Error())
	}
}

// call makes one of the calls that agents make, in turn.
func (l *load) call(ctx context.Context, client *http.Client, tokenFile string, turn int) error {
	method, params := "prompts/list", map[string]any{}
	switch turn % 4 {
	case 0:
		method, params = "tools/call", map[string]any{"name": "list_prompts", "arguments": map[string]any{}}
	case 1:
		method, params = "prompts/get", map[string]any{"name": "greeting", "arguments": map[string]any{"name": "Ada"}}
	case 2:
		method, params = "tools/call", map[string]any{"name": "get_prompt", "arguments": map[string]any{"id": "greeting"}}
	}
	response, err := l.open(ctx, client, tokenFile, method, params)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	var answer struct {
		Result *struct{ IsError bool }
	}
	if err := json.Unmarshal(body, &answer); response.StatusCode != http.StatusOK || err != nil || answer.Result == nil || answer.Result.IsError {
		return fmt.Errorf("%s: %s %.300s", method, response.Status, body)
	}
	return nil
}

// open sends a request, with the token as it is now.
func (l *load) open(ctx context.Context, client *http.Client, tokenFile, method string, params map[string]any) (*http.Response, error) {
	token, err := os.ReadFile(filepath.Clean(tokenFile))
	if err != nil {
		return nil, err
	}
	params["_meta"] = map[string]any{
		"io.modelcontextprotocol/protocolVersion":    revision,
		"io.modelcontextprotocol/clientCapabilities": map[string]any{},
		"io.modelcontextprotocol/clientInfo":         map[string]any{"name": "load", "version": "1"},
	}
	message, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url, bytes.NewReader(message))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	request.Header.Set("MCP-Protocol-Version", revision)
	request.Header.Set("Mcp-Method", method)
	if name, is := params["name"].(string); is {
		request.Header.Set("Mcp-Name", name)
	}
	return client.Do(request)
}

// keepStream has a stream open as one caller, and opens the next when it ended.
func (l *load) keepStream(ctx context.Context, tokenFile string) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for ctx.Err() == nil {
		ended, err := l.followStream(ctx, client, tokenFile)
		if ctx.Err() != nil {
			return
		}
		l.mu.Lock()
		if l.report.Streams++; ended {
			l.report.Ended++
		} else {
			l.report.Cut++
			l.fail(fmt.Errorf("stream: %w", errors.Join(errors.New("no result"), err)))
		}
		l.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// followStream reads a stream to its end, and says whether that was the result of its request.
func (l *load) followStream(ctx context.Context, client *http.Client, tokenFile string) (ended bool, err error) {
	response, err := l.open(ctx, client, tokenFile, "subscriptions/listen", map[string]any{"notifications": map[string]any{"promptsListChanged": true}})
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data:") && strings.Contains(lines.Text(), `"resultType":"complete"`) {
			ended = true
		}
	}
	if !ended && lines.Err() == nil {
		err = fmt.Errorf("ended with %s", response.Status)
	}
	return ended, errors.Join(err, lines.Err())
}
