// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package vaultreq

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/hashicorp/consul-template/dependency"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind       Kind
		path       string
		parameters []string
		want       Request
	}{
		{Read, "secret/foo", nil, Request{Read, "secret/foo", ""}},
		{Read, " /secret/foo/ ", nil, Request{Read, "secret/foo", ""}},
		{Read, "secret/foo?version=2&a=1", nil, Request{Read, "secret/foo?a=1&version=2", ""}},
		{Read, "secret/a b", nil, Request{Read, "secret/a%20b", ""}},
		{List, "secret/", nil, Request{List, "secret", ""}},
		{Write, "pki/issue/web", []string{"ttl=1h", "common_name=a"}, Request{Write, "pki/issue/web", `{"common_name":"a","ttl":"1h"}`}},
		{Write, "pki/issue/web", []string{" ttl = 1h ", "", "common_name=b", "common_name=a"}, Request{Write, "pki/issue/web", `{"common_name":"a","ttl":"1h"}`}},
		{Write, "a/b", []string{"k=v=w"}, Request{Write, "a/b", `{"k":"v=w"}`}},
		{Write, "a/b", []string{""}, Request{Write, "a/b", `{}`}},
		{Certificate, "pki/issue/web?x=y", []string{"ttl=1h"}, Request{Certificate, "pki/issue/web", `{"ttl":"1h"}`}},
	} {
		got, err := New(c.kind, c.path, c.parameters...)
		if err != nil || got != c.want {
			t.Errorf("New(%d, %q, %q) = %q %q, %v", c.kind, c.path, c.parameters, got.Path, string(got.Params), err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind       Kind
		path       string
		parameters []string
		want       string
	}{
		{Read, " / ", nil, `not a path in Vault: " / "`},
		{Read, "a%zz", nil, "invalid URL escape"},
		{Read, "a", []string{"k=v"}, `reading "a" takes no parameters`},
		{Write, "a", []string{"k=v", "hunter2"}, `not a name=value pair: "hunter2"`},
	} {
		_, err := New(c.kind, c.path, c.parameters...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New(%d, %q, %q): %v, want %q", c.kind, c.path, c.parameters, err, c.want)
		}
	}
}

// TestNamesAreConsulTemplates holds against consul-template itself: the names
// appear in its messages, and users search for them.
func TestNamesAreConsulTemplates(t *testing.T) {
	t.Parallel()
	read, err := dependency.NewVaultReadQuery("secret/foo?version=2")
	if err != nil {
		t.Fatal(err)
	}
	list, err := dependency.NewVaultListQuery("secret/")
	if err != nil {
		t.Fatal(err)
	}
	write, err := dependency.NewVaultWriteQuery("pki/issue/web", map[string]any{"ttl": "1h", "common_name": `a"b`})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		got  Request
		want fmt.Stringer
	}{
		{request(t, Read, "secret/foo?version=2"), read},
		{request(t, List, "secret/"), list},
		{request(t, Write, "/pki/issue/web", `common_name=a"b`, "ttl=1h"), write},
	} {
		if c.got.String() != c.want.String() {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestParametersAreNotPrinted(t *testing.T) {
	t.Parallel()
	r := request(t, Write, "transit/encrypt/k", "plaintext=hunter2")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "request", r)
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "request", &r)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		fmt.Fprintf(&log, verb+"\n", r)
	}
	if strings.Contains(log.String(), "hunter2") {
		t.Error(log.String())
	}
	if n := strings.Count(log.String(), "vault.write(transit/encrypt/k -> "); n != 8 {
		t.Errorf("the name is printed %d times, want 8:\n%s", n, log.String())
	}
}

func request(t *testing.T, kind Kind, path string, params ...string) Request {
	t.Helper()
	r, err := New(kind, path, params...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The numbers are part of the record that a bundle keeps of what it asked.
func TestKinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind                     Kind
		number                   int
		name, gerund, capability string
	}{
		{Read, 0, "read", "reading", "read"},
		{Write, 1, "write", "writing", "update"},
		{List, 2, "list", "listing", "list"},
		{Certificate, 3, "certificate", "issuing", "update"},
	} {
		if int(c.kind) != c.number || c.kind.String() != c.name || c.kind.Gerund() != c.gerund || c.kind.Capability() != c.capability {
			t.Errorf("%d %v %q %q, want %+v", c.kind, c.kind, c.kind.Gerund(), c.kind.Capability(), c)
		}
	}
	if got := Kind(9).String(); got != "kind 9" {
		t.Errorf("got %q", got)
	}
}

func TestTarget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		request     Request
		path, query string
	}{
		{request(t, Read, "kv/data/a b?version=2&a=1"), "kv/data/a b", "a=1&version=2"},
		{request(t, Write, "kv/a%20b"), "kv/a%20b", ""},
		{Request{Kind: Read, Path: "a%zz"}, "a%zz", ""},
	} {
		if path, query := c.request.Target(); path != c.path || query.Encode() != c.query {
			t.Errorf("%s: %q %q, want %q %q", c.request.Path, path, query.Encode(), c.path, c.query)
		}
	}
	if got := EscapePath("/kv/data/a b/"); got != "kv/data/a%20b" {
		t.Errorf("EscapePath: %q", got)
	}
}
