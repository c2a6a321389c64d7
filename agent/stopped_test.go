// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/certagent/certagent/agent"
)

// The end of a child is noticed first, then the agent is told to stop.
func TestChildThatEndsWithTheAgent(t *testing.T) {
	for _, c := range []struct {
		ends string // what the child does
		told bool   // the agent is told to stop as well
		code int    // 0: a clean stop
	}{
		{"kill -TERM $$", true, 0},
		{"kill -INT $$", true, 0},
		{"exit 143", true, 0}, // by a handler
		{"kill -TERM $$", false, 143},
		{"kill -KILL $$", true, 137},
		{"exit 3", true, 3},
	} {
		t.Run(fmt.Sprintf("%s, told %v", c.ends, c.told), func(t *testing.T) {
			w := newWorld(t)
			var r *running
			started := make(chan struct{})
			r = w.start(loginBlocks+named("a", "a.test")+fmt.Sprintf(`exec { command = ["sh", "-c", "%s"] }`, c.ends), func(a *agent.Agent) {
				a.Stopping = func() {
					if <-started; c.told {
						r.stop()
					}
				}
			})
			close(started)
			var exit *agent.ChildExit
			switch err := r.wait(); {
			case err == nil && c.code == 0:
			case errors.As(err, &exit) && exit.Code == c.code:
			default:
				t.Errorf("Run returned %v, want exit code %d", err, c.code)
			}
		})
	}
}
