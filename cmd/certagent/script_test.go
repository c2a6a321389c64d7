// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/dev"
	"github.com/certagent/certagent/internal/harness"
)

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("CERTAGENT_UPDATE_SCRIPTS") != "", // what a cmp found instead
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("GORACE", raceOptions)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"await":  await,
			"signal": signalBackground,
			"vault":  vaultServer,
			"expand": expandFile,
		},
	})
}

// exits CODE PROGRAM ARGUMENT...
// runs a program, which must end with that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENT...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	default:
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// await FILE REGEXP
// waits until a file, which a pattern may name, holds a match.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE REGEXP")
	}
	expression, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	var text []byte
	holds := harness.Await(func() bool {
		found, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		if len(found) > 0 {
			text, _ = os.ReadFile(found[0]) // it may be about to be renamed
		}
		return expression.Match(text)
	})
	if !holds {
		ts.Fatalf("%s never has %s:\n%s", args[0], args[1], text)
	}
}

// signal NAME
// sends a signal to the programs in the background.
func signalBackground(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || unix.SignalNum("SIG"+args[0]) == 0 {
		ts.Fatalf("usage: signal NAME")
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(unix.SignalNum("SIG" + args[0])))
	}
}

// vault
// starts a dev server, sets VAULT to its address and writes the credentials of
// an AppRole to the work directory.
func vaultServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: vault")
	}
	s := dev.New(dev.Options{})
	l, err := s.Start(context.Background(), dev.ListenOptions{})
	ts.Check(err)
	ts.Defer(func() { ts.Check(l.Close()) })
	cfg := api.DefaultConfig()
	cfg.Address = l.URL
	ts.Defer(cfg.HttpClient.CloseIdleConnections)
	c, err := api.NewClient(cfg)
	ts.Check(err)
	c.SetToken(s.RootToken())
	_, err = fillServer(context.Background(), c, ts.MkAbs("."))
	ts.Check(err)
	ts.Setenv("VAULT", l.URL)
}

// expand FILE...
// replaces $WORK and $VAULT in files.
func expandFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: expand FILE...")
	}
	values := strings.NewReplacer("$WORK", ts.Getenv("WORK"), "$VAULT", ts.Getenv("VAULT"))
	for _, file := range args {
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(values.Replace(ts.ReadFile(file))), 0o600))
	}
}
