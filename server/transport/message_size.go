package transport

import (
	"fmt"
)

const (
	// DefaultParamBytes bounds the params of a method, or the arguments of a tool, that has no limit of its own.
	DefaultParamBytes = 64 << 10
	// maxMeta bounds the _meta of a request, in bytes.
	maxMeta = 64 << 10
)

// checkSize refuses params that are larger than their method may read: what decodes them takes many times as much memory.
func (d *dispatcher) checkSize(r *route, e *envelope) *Failure {
	p := &e.Params
	if size := len(p.Meta.written); size > maxMeta {
		return tooLong("params._meta is", size, maxMeta)
	}
	rest := len(e.writtenParams) - len(p.Meta.written)
	if r.callsTool {
		rest -= len(p.Arguments)
		if f := d.checkArgumentSize(p); f != nil {
			return f
		}
	}
	if rest > r.ParamBytes {
		return tooLong(fmt.Sprintf("the params of %s are", e.Method), rest, r.ParamBytes)
	}
	return nil
}

// checkArgumentSize refuses arguments that are larger than a tool may read. Those of one that is not there are not read.
func (d *dispatcher) checkArgumentSize(p *params) *Failure {
	if len(p.Arguments) <= d.leastArgumentBytes || !isPresent(p.Name) || p.Name[0] != '"' || len(p.Name) > DefaultParamBytes {
		return nil
	}
	tool := d.tools[unquoteText(p.Name)]
	if tool == nil {
		return nil
	}
	if size := len(p.Arguments); size > tool.ArgumentBytes {
		return tooLong(fmt.Sprintf("the arguments of %s are", tool.Definition.Name), size, tool.ArgumentBytes)
	}
	for _, one := range p.arguments {
		if limit, has := tool.MemberBytes[string(one.name)]; has && len(one.value) > limit {
			return tooLong(fmt.Sprintf("argument %s is", quoteName(one.name)), len(one.value), limit)
		}
	}
	return nil
}

// tooLong returns the failure of what is larger than it may be. What is how the sentence begins.
func tooLong(what string, size, limit int) *Failure {
	return InvalidParams(fmt.Sprintf("%s %d bytes of JSON, and at most %d (%d KiB) are allowed; send less", what, size, limit, limit>>10))
}
