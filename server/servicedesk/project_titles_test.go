package servicedesk_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
)

// TestCreateProject_AtOnce has two replicas make projects of one title at once, in several spellings and for several callers, while
// ServiceDesk Plus is slow to say what there is: one is made of each title, and the others are told of it.
func TestCreateProject_AtOnce(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connectToWrite(helpdesk, fake, nil)
	fake.Fail(sdptest.Fault{Name: "slow", Count: -1, Delay: 30 * time.Millisecond, Match: sdptest.To("GET", "/projects")})
	replicas := []*replica{h.serve(), h.serve()}
	titles := []string{"kitchen rebuild", "new phones", "data centre", "archive", "window cleaning"}
	var mu sync.Mutex
	made, told := map[int]int{}, map[int]int{}
	var all sync.WaitGroup
	for title, words := range titles {
		for i, spelling := range []string{words, strings.ToUpper(words), strings.ReplaceAll(words, " ", "  "), "«" + strings.ReplaceAll(words, " ", "-") + "»"} {
			all.Go(func() {
				// Other descriptions, since equal calls of one caller are one write anyway.
				got := replicas[i%2].call("create_project", map[string]any{"title": spelling, "description": fmt.Sprint(i)})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case !got.IsError && strings.Contains(got.Text, "is created."):
					made[title]++
				case !got.IsError && strings.Contains(got.Text, "allow_duplicate"):
					told[title]++
				default:
					t.Errorf("title %d: %s", title, got.Text)
				}
			})
		}
	}
	all.Wait()
	projects := map[string]int{}
	for _, id := range fake.IDs("projects") {
		words := strings.FieldsFunc(strings.ToLower(fmt.Sprint(fake.Record("projects", id)["title"])), func(r rune) bool { return !unicode.IsLetter(r) })
		projects[strings.Join(words, " ")]++
	}
	t.Logf("of %d titles, each asked for 4 times at once on two replicas: made %v, told of others %v, projects %v", len(titles), made, told, projects)
	for i, title := range titles {
		if made[i] != 1 || told[i] != 3 || projects[title] != 1 {
			t.Errorf("%s: %d calls made one, %d were told of it, and there are %d projects", title, made[i], told[i], projects[title])
		}
	}
}
