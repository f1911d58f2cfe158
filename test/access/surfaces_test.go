package access

import (
	"bufio"
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/wait"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// target is the prompt that a request names, at an endpoint: of a namespace, or of all when that is empty.
type target struct{ endpoint, namespace, name string }

// id is what tools call it, mcpName what prompts/get does, uri what resources are called.
func (a target) id() string      { return a.join("/") }
func (a target) mcpName() string { return a.join(".") }
func (a target) uri() string     { return "prompt://" + a.namespace + "/" + a.name }

func (a target) join(separator string) string {
	if a.endpoint == a.namespace {
		return a.name
	}
	return a.namespace + separator + a.name
}

// surface is one way to ask for something.
type surface struct {
	name string
	// verb is the right that it needs; it is about the prompt the request names, else about each namespace that has prompts.
	verb  string
	named bool
	// listsToo is set where the answer tells of other prompts that the caller may list.
	listsToo bool
	// shows is set where the answer to who may read contains something of every prompt, or namespace, they may.
	shows bool
	// says is what the answer says to who may, of a thing of which others may know the name.
	says    string
	request func(target) transporttest.Request
}

// object is a JSON object.
type object = map[string]any

func callTool(name string, arguments func(target) object) func(target) transporttest.Request {
	return func(a target) transporttest.Request { return transporttest.CallTool(name, arguments(a)) }
}

func callMethod(method string, params func(target) object) func(target) transporttest.Request {
	return func(a target) transporttest.Request { return transporttest.Request{RPC: method, Params: params(a)} }
}

// nothing is for requests that name nothing.
func nothing(target) object { return object{} }

func withID(more object) func(target) object {
	return func(a target) object {
		arguments := object{"id": a.id()}
		maps.Copy(arguments, more)
		return arguments
	}
}

func completeVariable(template, variable, typed string, filled func(target) object) func(target) transporttest.Request {
	return callMethod("completion/complete", func(a target) object {
		return object{
			"ref": object{"type": "ref/resource", "uri": template}, "argument": object{"name": variable, "value": typed},
			"context": object{"arguments": filled(a)},
		}
	})
}

const (
	template        = "prompt://{namespace}/{name}"
	versionTemplate = template + "/versions/{version}"
	channelTemplate = template + "/channels/{channel}"
)

// listSurfaces tell of every prompt that the caller may list.
var listSurfaces = []surface{
	{name: "prompts/list", verb: "list", shows: true, request: callMethod("prompts/list", nothing)},
	{name: "resources/list", verb: "list", shows: true, request: callMethod("resources/list", nothing)},
	{name: "resources/templates/list", request: callMethod("resources/templates/list", nothing)},
	{name: "tools/list", request: callMethod("tools/list", nothing)},
	{name: "server/discover", request: callMethod("server/discover", nothing)},
	{name: "list_prompts", verb: "list", shows: true, request: callTool("list_prompts", nothing)},
	{name: "list_prompts, the first one", verb: "list", request: callTool("list_prompts", func(target) object { return object{"limit": 1} })},
	{name: "list_prompts, from the third on", verb: "list", request: callTool("list_prompts", func(target) object { return object{"offset": 2, "detail": "summary"} })},
	{name: "list_prompts, of a tag", verb: "list", shows: true, request: callTool("list_prompts", func(target) object { return object{"tags": []string{"incident"}} })},
	{name: "list_prompts, of a category that nobody knows", verb: "list", request: callTool("list_prompts", func(target) object { return object{"category": "itsm"} })},
	{name: "search_prompts, a word", verb: "list", shows: true, request: callTool("search_prompts", func(target) object { return object{"query": "incident"} })},
	{name: "search_prompts, a part of a word", verb: "list", request: callTool("search_prompts", func(target) object { return object{"query": "qbl"} })},
	{name: "search_prompts, a word that is nearly one", verb: "list", request: callTool("search_prompts", func(target) object { return object{"query": "handovre"} })},
	{name: "find_similar_prompts, of a text", verb: "list", shows: true, request: callTool("find_similar_prompts", func(target) object {
		return object{"threshold": 0.3, "text": "Write a {{tone}} handover of the open incident {{ticket}} for the next shift, with all that was tried and what to try next."}
	})},
	{name: "get_stats", verb: "list", shows: true, request: callTool("get_stats", nothing)},
	{name: "completion of a namespace", verb: "list", shows: true, request: completeVariable(template, "namespace", "", nothing)},
	{name: "completion of a namespace that begins so", verb: "list", shows: true, request: completeVariable(template, "namespace", "zq", nothing)},
	{name: "completion of a name at the endpoint", verb: "list", request: completeVariable(template, "name", "o", nothing)},
}

// getSurfaces tell of the one prompt that the request names.
var getSurfaces = []surface{
	{name: "prompts/get", verb: "get", named: true, shows: true, request: callMethod("prompts/get", func(a target) object {
		return object{"name": a.mcpName(), "arguments": object{"ticket": "T", "tone": "brief-" + a.namespace}}
	})},
	{name: "prompts/get, without arguments", verb: "get", named: true, request: callMethod("prompts/get", func(a target) object { return object{"name": a.mcpName()} })},
	{name: "prompts/get, a version", verb: "get", named: true, request: callMethod("prompts/get", func(a target) object { return object{"name": a.mcpName() + "@7"} })},
	{name: "completion of an argument", verb: "get", named: true, shows: true, request: callMethod("completion/complete", func(a target) object {
		return object{"ref": object{"type": "ref/prompt", "name": a.mcpName()}, "argument": object{"name": "tone", "value": ""}}
	})},
	{name: "completion of a name", verb: "list", named: true, request: completeVariable(template, "name", "", func(a target) object { return object{"namespace": a.namespace} })},
	{name: "completion of a version", verb: "get", named: true, request: completeVariable(versionTemplate, "version", "", func(a target) object { return object{"namespace": a.namespace, "name": a.name} })},
	{name: "completion of a channel", verb: "get", named: true, shows: true, request: completeVariable(channelTemplate, "channel", "", func(a target) object { return object{"namespace": a.namespace, "name": a.name} })},
	{name: "get_prompt", verb: "get", named: true, shows: true, request: callTool("get_prompt", withID(nil))},
	{name: "get_prompt, a version", verb: "get", named: true, shows: true, request: callTool("get_prompt", withID(object{"version": 1}))},
	{name: "get_prompt, a version there is not", verb: "get", named: true, request: callTool("get_prompt", withID(object{"version": 9}))},
	{name: "get_prompt, a channel there is not", verb: "get", named: true, request: callTool("get_prompt", withID(object{"channel": "gamma"}))},
	{name: "apply_template", verb: "get", named: true, shows: true, request: callTool("apply_template", func(a target) object {
		return object{"id": a.id(), "variables": object{"ticket": "T", "tone": "brief-" + a.namespace}}
	})},
	{name: "apply_template, without variables", verb: "get", named: true, request: callTool("apply_template", withID(object{"variables": object{}}))},
	{name: "list_prompt_versions", verb: "get", named: true, shows: true, request: callTool("list_prompt_versions", withID(nil))},
	{name: "diff_prompt_versions", verb: "get", named: true, request: callTool("diff_prompt_versions", withID(object{"from": 1}))},
	{name: "find_similar_prompts, of a prompt", verb: "get", named: true, listsToo: true, request: callTool("find_similar_prompts", withID(object{"threshold": 0.3}))},
	{name: "resources/read", verb: "get", named: true, shows: true, request: callMethod("resources/read", func(a target) object { return object{"uri": a.uri()} })},
	{name: "resources/read, a version", verb: "get", named: true, shows: true, request: callMethod("resources/read", func(a target) object { return object{"uri": a.uri() + "/versions/1"} })},
	{name: "resources/read, a channel", verb: "get", named: true, shows: true, request: callMethod("resources/read", func(a target) object { return object{"uri": a.uri() + "/channels/latest"} })},
	{name: "subscriptions/listen", verb: "get", named: true, request: listen},
}

// listen follows a prompt, and the lists.
var listen = callMethod("subscriptions/listen", func(a target) object {
	return object{"notifications": object{
		"promptsListChanged": true, "resourcesListChanged": true, "resourceSubscriptions": []string{a.uri()},
	}}
})

// writeSurfaces change the one prompt that the request names.
var writeSurfaces = []surface{
	{name: "update_prompt", verb: "patch", named: true, request: callTool("update_prompt", withID(object{"description": "Changed"}))},
	{name: "update_prompt, as expected", verb: "patch", named: true, request: callTool("update_prompt", withID(object{"description": "Changed", "expectedVersion": 7}))},
	{name: "delete_prompt", verb: "delete", named: true, request: callTool("delete_prompt", withID(nil))},
	{name: "delete_prompt, a version", verb: "patch", named: true, request: callTool("delete_prompt", withID(object{"version": 1}))},
	{name: "set_prompt_channel", verb: "promote", named: true, request: callTool("set_prompt_channel", withID(object{"channel": "beta", "version": 1}))},
	{name: "add_prompt", verb: "create", named: true, request: callTool("add_prompt", func(a target) object {
		return object{"name": a.name, "content": "Added.", "namespace": a.namespace}
	})},
}

// ask sends a request, and of a stream reads the beginning.
func (w *world) ask(t *testing.T, c *caller, endpoint string, q transporttest.Request) transporttest.Reply {
	t.Helper()
	path := "/mcp"
	if endpoint != "" {
		path += "/" + endpoint
	}
	if q.RPC != "subscriptions/listen" {
		return w.send(t, c, path, q)
	}
	ctx, cancel := context.WithTimeout(t.Context(), wait.Patience)
	defer cancel()
	response := w.remote().Open(t, ctx, c.sign(path, q))
	defer response.Body.Close()
	reply := transporttest.Reply{Status: response.StatusCode, Header: response.Header}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if data, is := strings.CutPrefix(lines.Text(), "data:"); is || response.Header.Get("Content-Type") != "text/event-stream" {
			reply.Body = strings.TrimSpace(data)
			break
		}
	}
	return reply
}
