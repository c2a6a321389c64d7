// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/hashicorp/consul-template/dependency"
)

func TestNewRequest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
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
		got, err := NewRequest(tt.kind, tt.path, tt.parameters...)
		if err != nil || got != tt.want {
			t.Errorf("NewRequest(%d, %q, %q) = %q %q, %v", tt.kind, tt.path, tt.parameters, got.Path, string(got.Params), err)
		}
	}
}

func TestNewRequestRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind       Kind
		path       string
		parameters []string
		want       string
	}{
		{Read, " / ", nil, "the path in Vault is empty"},
		{Read, "a%zz", nil, "invalid URL escape"},
		{Read, "a", []string{"k=v"}, `reading "a" takes no parameters`},
		{Write, "a", []string{"k=v", "hunter2"}, `parameter 2 of "a" is not of the form key=value`},
	} {
		_, err := NewRequest(tt.kind, tt.path, tt.parameters...)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("NewRequest(%d, %q, %q): %v, want %q", tt.kind, tt.path, tt.parameters, err, tt.want)
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
	for _, tt := range []struct {
		got  Request
		want fmt.Stringer
	}{
		{req(t, Read, "secret/foo?version=2"), read},
		{req(t, List, "secret/"), list},
		{req(t, Write, "/pki/issue/web", `common_name=a"b`, "ttl=1h"), write},
	} {
		if tt.got.String() != tt.want.String() {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}

func TestParametersAreNotPrinted(t *testing.T) {
	t.Parallel()
	r := req(t, Write, "transit/encrypt/k", "plaintext=hunter2")
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

func TestDraw(t *testing.T) {
	t.Parallel()
	r := req(t, Certificate, "pki/issue/web", "ttl=1h")
	if draw("host", r, "1") != draw("host", r, "1") {
		t.Error("a restart draws another number")
	}
	seen := map[float64]string{}
	for name, d := range map[string]float64{
		"one":     draw("host", r, "1"),
		"host":    draw("other", r, "1"),
		"serial":  draw("host", r, "2"),
		"kind":    draw("host", Request{Write, r.Path, r.Params}, "1"),
		"path":    draw("host", Request{r.Kind, "pki/issue/db", r.Params}, "1"),
		"params":  draw("host", Request{r.Kind, r.Path, `{}`}, "1"),
		"borders": draw("hostp", Request{r.Kind, "ki/issue/web", r.Params}, "1"),
	} {
		if d < 0 || d >= 1 {
			t.Errorf("%s: %v is not in [0,1)", name, d)
		}
		if other, ok := seen[d]; ok {
			t.Errorf("%s draws what %s draws", name, other)
		}
		seen[d] = name
	}
}
