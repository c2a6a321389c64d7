// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/logmsg"
)

func fleet(n int, names, keys string) string {
	var text strings.Builder
	text.WriteString(loginBlocks)
	for i := range n {
		text.WriteString(strings.NewReplacer(`"web"`, fmt.Sprintf(`"web%d"`, i), "DIR/tls", fmt.Sprintf("DIR/tls%d", i)).Replace(
			webBundle(names, `change_mode = "command"
  command = ["sh", "-c", "echo changed >> DIR/changes"]
  `+keys)))
	}
	return text.String()
}

func TestEqualChangesOfManyBundlesRunOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		r := w.start(fleet(20, "", `debounce = "3s"`))
		w.Eventually("all changes", func() bool { return r.Count(`msg="`+logmsg.ChangeDone+`"`) == 20 })
		r.end()
		if got := strings.Count(w.Read("changes"), "changed"); got != 1 {
			t.Errorf("20 bundles that changed together reacted %d times", got)
		}
	})
}

func TestMinIntervalSpacesChanges(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		r := w.start(loginBlocks + webBundle(`ttl = "3s"`, `change_mode = "command"
  command      = ["sh", "-c", "echo changed >> DIR/changes"]
  min_interval = "5s"`))
		w.Eventually("three changes", func() bool { return strings.Count(w.Read("changes"), "\n") >= 3 })
		r.end()
		if published := r.Count("msg=" + logmsg.Published); published < 4 {
			t.Errorf("only %d generations: the interval did not hold anything up", published)
		}
		var last time.Time
		for line := range strings.Lines(r.String()) {
			if !strings.Contains(line, `msg="`+logmsg.ChangeDone+`"`) {
				continue
			}
			text, _, _ := strings.Cut(strings.TrimPrefix(line, "time="), " ")
			at, err := time.Parse(time.RFC3339, text)
			if err != nil {
				t.Fatal(err)
			}
			if at.Sub(last) < 5*time.Second {
				t.Errorf("two changes are %v apart", at.Sub(last))
			}
			last = at
		}
	})
}
