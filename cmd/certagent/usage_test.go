// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestUsageFits80Columns measures all that certagent prints about itself.
func TestUsageFits80Columns(t *testing.T) {
	var help bytes.Buffer
	facts := devFacts{URL: "https://127.0.0.1:8200", Token: "hvs.tgUPp2hJenVn1oZ0okp5tF02", Dir: "/tmp/certagent-dev-3151123456", CACert: "/tmp/certagent-dev-3151123456/ca.crt"}
	if err := devHelp.Execute(&help, facts); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"certagent -h": usage, "agent": usageAgent, "validate": usageValidate, "wait": usageWait, "dev": usageDev, "version": usageVersion,
		"what dev prints": help.String(),
	} {
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%s: %d columns: %s", name, n, line)
			}
		}
	}
}
