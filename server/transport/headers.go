package transport

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
)

// modern reports whether a request speaks revision 2026-07-28 or newer, by what either place says.
// Saying it in one place only is a fault that checkModern finds.
func modern(header http.Header, e *envelope) bool {
	return mcp.IsModernProtocol(e.Params.Meta.Version) || mcp.IsModernProtocol(header.Get(mcp.HeaderProtocolVersion))
}

// checkModern holds the headers of a modern request against its body. A method that is not served
// is not there whatever its params and _meta; what its headers say must still be true.
func checkModern(header http.Header, e *envelope, call *Call) *Failure {
	version, stated := e.Params.Meta.Version, header.Get(mcp.HeaderProtocolVersion)
	known := served(true, e.Method)
	switch {
	case stated == "":
		return mismatch(mcp.HeaderMismatchError{Header: mcp.HeaderProtocolVersion, Reason: "missing required header"})
	case version == "" && known:
		return InvalidParams("missing or invalid _meta field " + mcp.MetaKeyProtocolVersion)
	case version != "" && stated != version:
		return mismatch(mcp.HeaderMismatchError{
			Header: mcp.HeaderProtocolVersion,
			Reason: "header value " + quote(stated) + " does not match " + mcp.MetaKeyProtocolVersion + " " + quote(version),
		})
	case !mcp.IsValidProtocolVersion(stated):
		return unsupported(stated)
	case known && !e.Params.Meta.Capabilities.declared:
		return InvalidParams("missing or invalid _meta field " + mcp.MetaKeyClientCapabilities)
	}
	return checkStandardHeaders(header, call, stated, known)
}

// checkStandardHeaders takes the usual case, in which all agree, without the library. Everything
// else is for the library to judge and to word.
func checkStandardHeaders(header http.Header, call *Call, version string, known bool) *Failure {
	if header.Get(mcp.HeaderMethod) == call.Method {
		if !known || !mcp.MethodRequiresNameHeader(mcp.MCPMethod(call.Method)) {
			return nil
		}
		name, ok := mcp.DecodeHeaderValue(header.Get(mcp.HeaderName))
		if ok && name != "" && name == call.Name {
			return nil
		}
	}
	params := json.RawMessage(`{"name":` + quote(call.Name) + `}`)
	err := mcp.ValidateStandardHeaders(header.Get, version, mcp.MCPMethod(call.Method), params)
	if err == nil {
		return nil
	}
	if wrong, ok := errors.AsType[mcp.HeaderMismatchError](err); ok {
		return mismatch(wrong)
	}
	return InvalidParams("the standard headers do not match the body")
}

// checkLegacy refuses a version nobody knows. Clients before 2025-06-18 send none.
func checkLegacy(header http.Header, e *envelope) *Failure {
	stated := header.Get(mcp.HeaderProtocolVersion)
	if stated == "" || e.Method == string(mcp.MethodInitialize) || mcp.IsValidProtocolVersion(stated) {
		return nil
	}
	return unsupported(stated)
}

func mismatch(err mcp.HeaderMismatchError) *Failure {
	return &Failure{Code: mcp.HEADER_MISMATCH, Message: err.Error()}
}

func unsupported(version string) *Failure {
	err := mcp.UnsupportedProtocolVersionError{Version: version, Supported: mcp.ValidProtocolVersions}
	return &Failure{Code: mcp.UNSUPPORTED_PROTOCOL_VERSION, Message: err.Error(), Data: err.JSONRPCError().Error.Data}
}

func quote(s string) string {
	quoted, _ := json.Marshal(s)
	return string(quoted)
}

// isJSON reports whether the body is declared as JSON. Anything else is refused: a web page can send
// text/plain anywhere without asking, JSON it cannot.
func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == "application/json"
}

// accepts reports whether an Accept header admits a media type. Without one everything is admitted.
func accepts(values []string, mediaType string) bool {
	if len(values) == 0 {
		return true
	}
	group, _, _ := strings.Cut(mediaType, "/")
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			admitted, _, _ := strings.Cut(part, ";")
			switch strings.ToLower(strings.TrimSpace(admitted)) {
			case mediaType, group + "/*", "*/*":
				return true
			}
		}
	}
	return false
}
