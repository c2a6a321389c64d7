// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package harness

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// asNohup is set for a test binary that was started with signals ignored.
const asNohup = "CERTAGENT_TEST_NOHUP"

func TestMain(m *testing.M) {
	if os.Getenv(asNohup) == "plain" { // what a test binary without this package does
		show := exec.Command("grep", "^SigIgn:", "/proc/self/status")
		show.Stdout, show.Stderr = os.Stdout, os.Stderr
		if err := show.Run(); err != nil {
			panic(err)
		}
		return
	}
	Main(m)
}

// ignoredBy returns the signals that a program ignores, of which its /proc/self/status
// tells, in hexadecimal.
func ignoredBy(t *testing.T, text string) (signals uint64) {
	t.Helper()
	_, line, found := strings.Cut(text, "SigIgn:")
	if _, err := fmt.Sscanf(line, "%x", &signals); !found || err != nil {
		t.Fatalf("no SigIgn in %q: %v", text, err)
	}
	return signals
}

const hangupAndInterrupt = 1<<(syscall.SIGHUP-1) | 1<<(syscall.SIGINT-1)

// Programs that tests start have default signals, also when the test binary was
// started with SIGHUP and SIGINT ignored. It goes on ignoring these itself.
func TestProgramsGetDefaultSignals(t *testing.T) {
	for mode, want := range map[string]uint64{"plain": hangupAndInterrupt, "harness": 0} {
		cmd := exec.Command("sh", "-c", `trap "" HUP INT; exec "$0" -test.v -test.run='^TestUnderNohup$'`, os.Args[0])
		cmd.Env = append(os.Environ(), asNohup+"="+mode)
		p := Start(t, cmd)
		p.Ends(0)
		if got := ignoredBy(t, p.String()) & hangupAndInterrupt; got != want {
			t.Errorf("%s: of %x a program ignores %x, want %x", mode, hangupAndInterrupt, got, want)
		}
	}
}

// TestProgramsGetDefaultSignals runs this one.
func TestUnderNohup(t *testing.T) {
	if os.Getenv(asNohup) == "" {
		return
	}
	p := Start(t, exec.Command("grep", "^SigIgn:", "/proc/self/status"))
	p.Ends(0)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	fmt.Print(p)
}

func TestVariablesOfVaultAreRemoved(t *testing.T) {
	t.Setenv("VAULT_TOKEN", "of another Vault")
	unsetVault()
	if _, found := os.LookupEnv("VAULT_TOKEN"); found {
		t.Error("VAULT_TOKEN is still there")
	}
}

func TestProcessSaysAndEnds(t *testing.T) {
	p := Start(t, exec.Command("sh", "-c", "trap 'echo over; exit 3' TERM; echo one; echo one >&2; while :; do sleep 0.01; done"))
	p.SaysTimes(`(?m)^one$`, 2)
	p.Alive()
	p.Signal(syscall.SIGTERM)
	p.Ends(3)
	p.Says("over")
	if p.Count("over") != 1 || p.Running() {
		t.Errorf("it runs: %v; it printed:\n%s", p.Running(), p)
	}
}

// What a program leaves of its group ends with it, and no earlier.
func TestGroupEndsWithItsLeader(t *testing.T) {
	entry := "CERTAGENT_TEST_GROUP=" + t.TempDir()
	cmd := exec.Command("sh", "-c", "sleep 600 & echo started; read line")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), entry)
	cmd.WaitDelay = time.Millisecond // the other one holds the output
	p := StartGroup(t, cmd)
	p.Says("started")
	if got := WithVariable(t, entry); len(got) != 2 {
		t.Errorf("%q, want two processes", got)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	Eventually(t, "both end", func() bool { return len(WithVariable(t, entry)) == 0 })
}

func TestAwaitGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, looks := time.Now(), 0
		if Await(func() bool { looks++; return false }) {
			t.Error("it holds")
		}
		if took := time.Since(begun); took < Patience || took > Patience+time.Second || looks < 1000 {
			t.Errorf("%d looks in %v", looks, took)
		}
	})
}
