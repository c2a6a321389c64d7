// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package logmsg_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// messages returns the constants of the package and their texts.
func messages(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "logmsg.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for i, name := range spec.Names {
				if found[name.Name], err = strconv.Unquote(spec.Values[i].(*ast.BasicLit).Value); err != nil {
					t.Fatal(err)
				}
			}
		}
		return true
	})
	return found
}

// form is that of a message: a phrase in lower case, names excepted, without an
// end. It has no character that a shell, a regular expression or JSON escapes.
var form = regexp.MustCompile(`^([a-z]|TLS |Vault )[a-zA-Z0-9_;:,' -]*[a-zA-Z]$`)

func TestForm(t *testing.T) {
	for name, text := range messages(t) {
		if !form.MatchString(text) {
			t.Errorf("%s: %q has another form", name, text)
		}
	}
}

// TestNoneIsThePrefixOfAnother keeps an alert on one message from being set off by
// another one: in the log's text form, the attributes follow without a mark.
func TestNoneIsThePrefixOfAnother(t *testing.T) {
	all := messages(t)
	if len(all) < 80 {
		t.Fatalf("only %d messages were found", len(all))
	}
	for name, text := range all {
		for other, longer := range all {
			if name != other && strings.HasPrefix(longer, text) {
				t.Errorf("%s, %q, is a prefix of %s, %q", name, text, other, longer)
			}
		}
	}
}
