package prompts

import (
	"fmt"
	"strings"

	"github.com/lectern-dev/lectern/server/tool"
)

// shownFaults is how many faults of files an answer names. Three fit beside a whole list of prompts.
const shownFaults = 3

// fileFaultNote says which faults of files may be why a prompt is missing, or is not as its file says; empty when there are
// none.
func (s *Service) fileFaultNote() string {
	if s.fileFaults == nil {
		return ""
	}
	first, total := s.fileFaults.Faults(shownFaults)
	if total == 0 {
		return ""
	}
	var b strings.Builder
	if total == 1 {
		b.WriteString("1 fault in the files of the prompts keeps a prompt from being served as its file says: ")
	} else {
		fmt.Fprintf(&b, "%d faults in the files of the prompts keep prompts from being served as their files say: ", total)
	}
	b.WriteString(strings.Join(first, "; "))
	if more := total - len(first); more > 0 {
		fmt.Fprintf(&b, "; and %d more, which lectern validate shows", more)
	}
	return b.String()
}

// listRoom returns how many tokens the prompts of a list may have: what is said of faults counts, too.
func (s *Service) listRoom() int {
	if s.resultLimit == 0 {
		return 0
	}
	return max(1, s.resultLimit-int(float64(len(s.fileFaultNote()))/tool.CharactersPerToken))
}
