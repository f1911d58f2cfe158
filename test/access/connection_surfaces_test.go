package access

import (
	"maps"

	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// callDesk is a call of a tool on the connection that is named.
func callDesk(tool string, more object) func(target) transporttest.Request {
	return callTool(tool, func(a target) object {
		arguments := object{"connection": a.namespace + "/" + a.name}
		maps.Copy(arguments, more)
		return arguments
	})
}

// readDesk reads a resource of the connection that is named.
func readDesk(rest string) func(target) transporttest.Request {
	return callMethod("resources/read", func(a target) object { return object{"uri": "sdp://" + a.namespace + "/" + a.name + rest} })
}

const connectionTemplate = "sdp://{namespace}/{connection}/requests/{number}"

// connectionSurfaces read through a connection, or tell which there are. All of them need the right to use it.
var connectionSurfaces = []surface{
	{name: "connection_status, of all", verb: "use", shows: true, request: callTool("connection_status", nothing)},
	{name: "completion of a namespace with a connection", verb: "use", shows: true, request: completeVariable(connectionTemplate, "namespace", "", nothing)},
	{name: "connection_status", verb: "use", named: true, says: "ReadOnly", request: callDesk("connection_status", nil)},
	{name: "list_requests", verb: "use", named: true, says: "requests of connection", request: callDesk("list_requests", nil)},
	{name: "search_requests", verb: "use", named: true, says: "requests of connection", request: callDesk("search_requests", object{"query": "printer"})},
	{name: "my_queue", verb: "use", named: true, says: "spec.callers", request: callDesk("my_queue", nil)},
	{name: "get_request", verb: "use", named: true, says: "trust", request: callDesk("get_request", object{"request_id": "1"})},
	{name: "get_request_conversation, an alias", verb: "use", named: true, says: "trust", request: callDesk("get_request_conversation", object{"request_id": "1"})},
	{name: "list_lookup", verb: "use", named: true, says: "Medium", request: callDesk("list_lookup", object{"type": "priorities"})},
	{name: "get_priorities, an alias", verb: "use", named: true, says: "Medium", request: callDesk("get_priorities", nil)},
	{name: "find_people", verb: "use", named: true, says: "Lopez", request: callDesk("find_people", object{"query": "ana"})},
	{name: "search_solutions", verb: "use", named: true, says: "picture", request: callDesk("search_solutions", object{"query": "dock"})},
	{name: "resources/read, a ticket", verb: "use", named: true, says: "untrusted text", request: readDesk("/requests/1")},
	{name: "resources/read, a list", verb: "use", named: true, says: "Medium", request: readDesk("/lookups/priorities")},
	{name: "resources/read, a ticket there is not", verb: "use", named: true, says: "no such resource", request: readDesk("/requests/99999")},
	{name: "completion of a connection", verb: "use", named: true, says: helpdesk, request: completeVariable(connectionTemplate, "connection", "", func(a target) object {
		return object{"namespace": a.namespace}
	})},
}
