// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/certagent/certagent/logmsg"
)

// named is child with a label.
func named(label, script, more string) string {
	return strings.Replace(child(script, more), "exec {", fmt.Sprintf("exec %q {", label), 1)
}

// Each has its policy. The first that ends for good ends all, with its exit code.
func TestFirstChildThatEndsForGood(t *testing.T) {
	w := newWorld(t)
	once := `until [ -e DIR/%s ]; do sleep 0.02; done; rm DIR/%[1]s; exit %d`
	p := w.start(login + password("") +
		named("always", `echo "always $$"; `+fmt.Sprintf(once, "success", 0), "restart = \"always\"\n  restart_delay = \"1ms\"") +
		named("on-failure", `echo "on-failure $$"; `+fmt.Sprintf(once, "failure", 3), "restart = \"on-failure\"\n  restart_delay = \"1ms\"") +
		named("never", `echo "never $$"; `+fmt.Sprintf(once, "end", 5), ""))
	p.numbers("never", 1)
	w.Write("success", "")
	p.numbers("always", 2)
	w.Write("failure", "")
	p.numbers("on-failure", 2)
	p.Alive()
	if n := len(p.numbers("never", 1)); n != 1 {
		t.Errorf("a child that is not to be restarted was started %d times", n)
	}
	w.Write("end", "")
	p.Ends(5)
	p.Says(logmsg.ChildStopping + ` child=always`)
	p.Says(logmsg.ChildStopping + ` child=on-failure`)
	p.leavesNothing()
}

// For a child that is restarted on failure, success is an end for good.
func TestSuccessOfAChildThatIsRestartedOnFailure(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + password("") +
		named("job", `if [ -e DIR/done ]; then exit 0; fi; touch DIR/done; exit 3`, "restart = \"on-failure\"\n  restart_delay = \"1ms\"") +
		named("server", "exec sleep 1000", ""))
	p.Ends(0)
	p.Says(logmsg.ChildRestarts + ` child=job .*code=3`)
	p.leavesNothing()
}

// The children end first, each with its own signal and in its own time; as long
// as one of them runs its files are kept up to date.
func TestChildrenEndBeforeAllElse(t *testing.T) {
	w := newWorld(t)
	const loop = `while :; do sleep 0.02; done`
	p := w.start(login + eager + password("") + `pid_file = "DIR/pid"` + "\n" +
		named("slow", `trap "echo slow ends; until [ \"\$(cat DIR/password)\" = two ]; do sleep 0.02; done; echo slow has two; exit 3" USR1; echo "slow $$"; `+loop, "stop_signal = \"SIGUSR1\"\n  kill_timeout = \"10m\"") +
		named("quick", `trap "echo quick ends; exit 4" TERM; echo "quick $$"; `+loop, "") +
		named("stubborn", `trap "" TERM; echo "stubborn $$"; `+loop, `kill_timeout = "100ms"`))
	slow := p.number("slow")
	p.number("quick")
	p.number("stubborn")
	p.Signal(syscall.SIGTERM)
	p.Says(`slow ends`)
	p.Says(`quick ends`)
	p.Says(logmsg.ChildKilled + ` child=stubborn`)
	if state, _, _ := stat(slow); state == "" {
		t.Error("the slow child did not get its time")
	}
	w.PutKV("app", map[string]any{"password": "two"})
	p.Says(`slow has two`)
	p.Ends(3) // the code of the first child in the configuration
	p.leavesNothing()
	if _, err := os.Stat(w.Path("pid")); !os.IsNotExist(err) {
		t.Errorf("pid_file is left: %v", err)
	}
}
