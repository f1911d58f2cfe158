package server

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lectern-dev/lectern/internal/audit"
)

// Where something is kept.
const (
	inPostgres = audit.InPostgres
	inMemory   = audit.InMemory
	switchOff  = audit.Off
)

// switches say where a server keeps what it learns of ServiceDesk Plus: in the database, in its memory, or nowhere. An empty one is
// what suits where the prompts come from.
type switches struct {
	tokens, lookups, projectCache, writeIntents string
}

// switchRule is what a switch may be.
type switchRule struct {
	flag  string
	value *string
	// withDatabase and withFolder are the values there, the default first.
	withDatabase, withFolder []string
	// why says why another one makes no sense with a database, if there is one that does elsewhere.
	why string
}

// switchRules returns all switches.
func (o *Options) switchRules() []switchRule {
	all, local := []string{inPostgres, inMemory, switchOff}, []string{inMemory, switchOff}
	return []switchRule{
		{flag: "audit", value: &o.Audit.Store, withDatabase: all, withFolder: local},
		{
			flag: "tokens", value: &o.switches.tokens, withDatabase: []string{inPostgres, switchOff}, withFolder: local,
			why: "the controller gets tokens and hands them to servers in the database",
		},
		{flag: "lookups", value: &o.switches.lookups, withDatabase: all, withFolder: local},
		{flag: "project-cache", value: &o.switches.projectCache, withDatabase: all, withFolder: local},
		{
			flag: "write-intents", value: &o.switches.writeIntents, withDatabase: []string{inPostgres, switchOff}, withFolder: local,
			why: "two servers would not know of each other's writes, and make a ticket twice",
		},
	}
}

func (o *Options) addSwitches(fs *pflag.FlagSet) {
	values := "postgres, memory or off; when empty postgres, and with --prompts memory"
	fs.StringVar(&o.Audit.Store, "audit", "", "where the audit of calls is: "+values)
	fs.StringVar(&o.switches.tokens, "tokens", "", "where tokens of ServiceDesk Plus come from: "+values+"; off offers no tools on ServiceDesk Plus")
	fs.StringVar(&o.switches.lookups, "lookups", "", "where lists of ServiceDesk Plus, such as priorities, are kept: "+values+"; off reads a list each time it is needed, once a minute at most")
	fs.StringVar(&o.switches.projectCache, "project-cache", "", "where projects of ServiceDesk Plus are kept for finding them: "+values+"; off asks ServiceDesk Plus alone")
	fs.StringVar(&o.switches.writeIntents, "write-intents", "", "where it is kept what was about to be written to ServiceDesk Plus, so that nothing is written twice: "+values+"; off offers no tools that write there")
}

// completeSwitches sets those that nobody set.
func (o *Options) completeSwitches() {
	if o.switches.tokens == switchOff { // nothing is learnt of ServiceDesk Plus
		for _, of := range []*string{&o.switches.lookups, &o.switches.projectCache, &o.switches.writeIntents} {
			if *of == "" {
				*of = switchOff
			}
		}
	}
	for _, rule := range o.switchRules() {
		if *rule.value == "" {
			*rule.value = rule.allowed(o.Prompts != "")[0]
		}
	}
}

func (r *switchRule) allowed(isFolder bool) []string {
	if isFolder {
		return r.withFolder
	}
	return r.withDatabase
}

// validateSwitches returns what makes no sense.
func (o *Options) validateSwitches() error {
	isFolder := o.Prompts != ""
	for _, rule := range o.switchRules() {
		value, allowed := *rule.value, rule.allowed(isFolder)
		switch {
		case slices.Contains(allowed, value):
		case isFolder && value == inPostgres:
			return fmt.Errorf("--%s=postgres needs a database, and --prompts serves a folder: it can be %s", rule.flag, strings.Join(allowed, " or "))
		case value == inMemory:
			return fmt.Errorf("--%s=memory is for a folder (--prompts): with a database %s; it can be %s", rule.flag, rule.why, strings.Join(allowed, " or "))
		default:
			return fmt.Errorf("--%s is %q; it can be %s", rule.flag, value, strings.Join(allowed, " or "))
		}
		isOfDesk := rule.flag != "audit" && rule.flag != "tokens"
		if o.switches.tokens == switchOff && isOfDesk && value != switchOff {
			return fmt.Errorf("--%s=%s keeps something of ServiceDesk Plus, which --tokens=off does not serve: leave out one of them", rule.flag, value)
		}
	}
	if o.switches.tokens == switchOff && len(o.SDPCredentials) > 0 {
		return errors.New("--sdp-credentials is for connections to ServiceDesk Plus, which --tokens=off does not serve: leave out one of them")
	}
	if o.Audit.Store == switchOff && o.isAuditRequired {
		return errors.New("--audit-required=writes refuses writes that the audit has no room for, and --audit=off keeps none: leave out one of them")
	}
	return o.Audit.Validate(o.Stdio)
}

// describeOff names what is off, for people who ask how connections are.
func (o *Options) describeOff() []string {
	var off []string
	for _, rule := range o.switchRules() {
		if *rule.value == switchOff {
			off = append(off, rule.flag)
		}
	}
	return off
}
