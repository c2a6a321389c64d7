// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

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
	w := newWorld(t)
	r := w.start(fleet(20, "", `debounce = "3s"`))
	w.eventually("all changes", func() bool { return r.count(`msg="`+logmsg.ChangeDone+`"`) == 20 })
	r.end()
	if got := strings.Count(w.read("changes"), "changed"); got != 1 {
		t.Errorf("20 bundles that changed together reacted %d times", got)
	}
}

func TestMinIntervalSpacesChanges(t *testing.T) {
	w := newWorld(t)
	r := w.start(loginBlocks + webBundle(`ttl = "3s"`, `change_mode = "command"
  command      = ["sh", "-c", "date +%s.%N >> DIR/changes"]
  min_interval = "5s"`))
	w.eventually("three changes", func() bool { return strings.Count(w.read("changes"), "\n") >= 3 })
	r.end()
	if published := r.count("msg=" + logmsg.Published); published < 4 {
		t.Errorf("only %d generations: the interval did not hold anything up", published)
	}
	var last float64
	for line := range strings.Lines(w.read("changes")) {
		at, err := strconv.ParseFloat(strings.TrimSpace(line), 64)
		if err != nil {
			t.Fatal(err)
		}
		if at-last < 4.5 {
			t.Errorf("two changes are %v s apart", at-last)
		}
		last = at
	}
}
