// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package consumers

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The titles of the recipes; the first is that of what all of them begin with.
const (
	login           = "Recipes: reloading the certificate of a program"
	haproxyReloaded = "HAProxy, reloaded"
	haproxyRuntime  = "HAProxy, by its runtime API"
	gunicorn        = "gunicorn"
	javaPolls       = "A JVM that polls its PKCS#12 file"
	javaIsTold      = "A JVM that reloads at SIGHUP, with JKS and a trust store"
	node            = "Node"
)

// recipe is a section of README.md: its blocks, by the language that each says it
// is in.
type recipe map[string]string

var fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// recipes reads them by their titles.
func recipes(t *testing.T) map[string]recipe {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]recipe)
	for _, section := range regexp.MustCompile(`(?m)^##? `).Split(string(text), -1) {
		title, body, _ := strings.Cut(section, "\n")
		for _, block := range fence.FindAllStringSubmatch(body, -1) {
			if all[title] == nil {
				all[title] = make(recipe)
			}
			if all[title][block[1]] != "" {
				t.Fatalf("%q has two blocks in %s", title, block[1])
			}
			all[title][block[1]] = block[2]
		}
	}
	return all
}

// find returns the recipe with that title.
func find(t *testing.T, title string) recipe {
	t.Helper()
	r := recipes(t)[title]
	if r == nil {
		t.Fatalf("README.md has no recipe %q", title)
	}
	return r
}

// replaced is the text with something in another's place, which must be there.
func replaced(t *testing.T, text, old, with string) string {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("there is no %s in:\n%s", old, text)
	}
	return strings.ReplaceAll(text, old, with)
}

// quick has certificates live for half a minute and be renewed after two to five
// seconds of it: many rotations in a short test, and time to spare on a machine
// that is busy.
func quick(t *testing.T, block string) string {
	t.Helper()
	block = replaced(t, block, `ttl         = "72h"`, `ttl = "30s"`)
	return replaced(t, block, "  directory = ", "  renew_at = 0.15\n  directory = ")
}
