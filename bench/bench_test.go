// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if os.Getenv(serverEnv) != "" {
		os.Exit(run(context.Background(), []string{"-serve"}, os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// TestMeasuresCertagent runs every measurement with minimal parameters.
func TestMeasuresCertagent(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "certagent")
	// The flags are those of the Makefile: symbols take 2 MiB of memory.
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "../cmd/certagent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var table bytes.Buffer
	code := run(t.Context(), []string{
		"-certagent", binary, "-consul-template", "", "-vault", "", "-dir", t.TempDir(),
		"-n", "2", "-runs", "1", "-rotations", "1", "-kills", "1", "-publishes", "8", "-idle", "100ms", "-settle", "100ms",
	}, strings.NewReader(""), &table, t.Output())
	if code != 0 {
		t.Fatalf("exit code %d", code)
	}
	for _, row := range []string{
		`binary \| \S+ MiB \| ≤ 30 MiB`,
		`memory, 1 certificate \| \S+ MiB\S* \| ≤ 20 MiB`,
		`start to files, 1 certificate \| \S+ s\S* \| ≤ 0.050 s`,
		`start to files, 2 certificates \| \S+ s\S* \| `,
		`requests, 2 certificates \| 3 \| ≤ 3`,
		`CPU ratio of 20 to 2 certificates \| \S+ \| `,
		`idle CPU, 2 certificates, 100ms \| \S+ s\S* \| `,
		`mismatched pairs seen by a reader, 1 rotations \| \d \| `,
		`reloads per rotation \| 1.0 \| ≤ 1.0`,
		`mismatched pairs after a restart with Vault sealed \| 0 \| 0`,
		"certagent, `directory` \\| by path \\| [1-9]\\d* \\| \\d+ \\| 0 \\|  ",
		"certagent, `directory` \\| by directory handle \\| [1-9]\\d* \\| 0 \\| 0 \\| 0 ",
		`certagent, file by file \| combined PEM \| [1-9]\d* \| 0 \| 0 \| 0 `,
		`consul-template, Vault Agent \| combined PEM \| [1-9]\d* \| 0 \| 0 \|  `,
		`in place, as spiffe-helper \| by path \| \d+ \| \d+ \| \d+ \|  `,
	} {
		if !regexp.MustCompile(`(?m)^\| ` + row).Match(table.Bytes()) {
			t.Errorf("no row matches %s", row)
		}
	}
	if t.Failed() {
		t.Log(table.String())
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-only", "one,two"}, 1, `unknown measurement "two"; known: binary, one, many`},
		{[]string{"-certagent", "nowhere"}, 1, "certagent: stat"},
		{[]string{"-n", "many"}, 2, `invalid value "many"`},
	} {
		var stderr bytes.Buffer
		if code := run(t.Context(), c.args, strings.NewReader(""), io.Discard, &stderr); code != c.code || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%q: code %d, %s", c.args, code, stderr.String())
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	ours, other := agent{name: "certagent"}, agent{name: "other"}
	var table table
	memory := table.add("memory", 20*mebibyte, mebibytes)
	memory.set(ours, 20.4*mebibyte) // looks the same as the budget
	memory.set(other, 80*mebibyte)
	wall := table.add("wall", 0.05, seconds)
	wall.set(ours, 0.0512)
	table.add("mismatched", none, number).set(ours, 1)
	table.add("seen", unlimited, number).set(ours, 7)
	var out strings.Builder
	table.print(&out, []agent{ours, other})
	want := `|  | certagent | other | certagent's budget |
| --- | --- | --- | --- |
| memory | 20 MiB | 80 MiB | ≤ 20 MiB |
| wall | **0.051 s** |  | ≤ 0.050 s |
| mismatched | **1** |  | 0 |
| seen | 7 |  |  |
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}

func TestMedianIsOfEachValue(t *testing.T) {
	t.Parallel()
	got := median([]sample{
		{wall: 3 * time.Second, cpu: 1, memory: 20, requests: 5},
		{wall: 1 * time.Second, cpu: 3, memory: 30, requests: 5},
		{wall: 2 * time.Second, cpu: 2, memory: 10, requests: 4},
	})
	if want := (sample{wall: 2 * time.Second, cpu: 2, memory: 20, requests: 5}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
