// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package consumers

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// agent is a certagent that runs the recipe.
type agent struct {
	*process
}

// certagent starts it, with what the README begins with and the recipe's block.
func (w *world) certagent() *agent {
	w.Helper()
	binary := harness.Certagent(w.T)
	w.Write("etc/certagent.hcl", w.here(find(w.T, login)["hcl"]+quick(w.T, w.recipe["hcl"])))
	return &agent{w.start("certagent", nil, binary, "agent", "-config="+w.Path("etc/certagent.hcl"), "-address="+w.URL, "-log-format=json")}
}

// event is a line of certagent's log.
type event struct {
	Time   time.Time `json:"@timestamp"`
	Msg    string    `json:"@message"`
	Serial string
}

// What the log says.
const (
	issued    = logmsg.Issued
	published = logmsg.Published
	done      = logmsg.ChangeDone
	verified  = logmsg.Verified
	vetoed    = logmsg.CheckFailed
	wentBack  = logmsg.RolledBack
	stillOld  = logmsg.PreviousServed
)

// events are the lines of the log. What the child prints is among them.
func (a *agent) events() []event {
	a.Helper()
	var all []event
	for line := range strings.Lines(a.String()) {
		var e event
		if strings.HasSuffix(line, "\n") && json.Unmarshal([]byte(line), &e) == nil {
			all = append(all, e)
		}
	}
	return all
}

// logs waits until the log has the message that many times.
func (a *agent) logs(msg string, times int) {
	a.Helper()
	a.SaysTimes(`"@message":"`+regexp.QuoteMeta(msg)+`"`, times)
}

// logsAfter waits until the log has a message after the first one of another.
func (a *agent) logsAfter(first, msg string) {
	a.Helper()
	a.Eventually("after "+first+" certagent says "+msg, func() bool {
		seen := false
		for _, e := range a.events() {
			if seen && e.Msg == msg {
				return true
			}
			seen = seen || e.Msg == first
		}
		return false
	})
}

// rotation is a certificate that was verified.
type rotation struct {
	serial string
	took   time.Duration // from publishing until it was verified
}

// rotations lists them in their order.
func (a *agent) rotations() []rotation {
	a.Helper()
	var all []rotation
	var at time.Time
	for _, e := range a.events() {
		switch {
		case e.Msg == published:
			at = e.Time
		case e.Msg == verified && (len(all) == 0 || all[len(all)-1].serial != e.Serial):
			all = append(all, rotation{e.Serial, e.Time.Sub(at)})
		}
	}
	return all
}

// rotates waits for more rotations.
func (a *agent) rotates(more int) {
	a.Helper()
	want := len(a.rotations()) + more
	a.Eventually("another rotation is verified", func() bool { return len(a.rotations()) >= want })
}

// undisturbed fails the test if certagent has had anything to complain about.
func (a *agent) undisturbed() {
	a.Helper()
	for line := range strings.Lines(a.String()) {
		if strings.Contains(line, `"@level":"error"`) {
			a.Errorf("certagent complains: %s", line)
		}
	}
}
