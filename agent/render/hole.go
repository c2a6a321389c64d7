// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/vaultreq"
)

// hole is what text/template prints for a missing key or nil.
const hole = "<no value>"

// holes returns an error if the output contains the mark of a missing key, unless the
// template itself contains it, or its configuration allows it.
func (e *execution) holes() error {
	in := e.template.in
	if in.AllowNoValue || strings.Contains(in.Contents, hole) {
		return nil
	}
	at, file, content := bytes.Index(e.output, []byte(hole)), "the output", e.output
	for _, w := range e.written {
		if at < 0 {
			content, file = w.Content, hide(w.Path, nil, in.Contents)
			at = bytes.Index(content, []byte(hole))
		}
	}
	if at < 0 {
		return nil
	}
	if e.absent != nil {
		return e.absence()
	}
	line := bytes.Count(content[:at], []byte("\n")) + 1
	err := in.errorAt(0, 0, fmt.Sprintf("line %d of %s would hold %q: a key is missing", line, file, hole))
	err.Hint = "set error_on_missing_key to learn which key, or guard it with if or with"
	return err
}

// absence returns the error for a missing key that was printed.
func (e *execution) absence() *Error {
	var fields []string
	switch n := e.absent.(type) {
	case *parse.FieldNode:
		fields = n.Ident
	case *parse.VariableNode:
		fields = n.Ident[1:]
	case *parse.ChainNode:
		fields = n.Field
	case *parse.CommandNode: // index .Data "key"
		for _, arg := range n.Args {
			switch a := arg.(type) {
			case *parse.FieldNode:
				fields = append(fields, a.Ident...)
			case *parse.VariableNode:
				fields = append(fields, a.Ident[1:]...)
			case *parse.StringNode:
				fields = append(fields, a.Text)
			}
		}
		if name, is := n.Args[0].(*parse.IdentifierNode); !is || name.Ident != "index" {
			fields = nil
		}
	}
	message, key := "there is no value", ""
	if len(fields) > 0 {
		key = fields[len(fields)-1]
		message = fmt.Sprintf("map has no entry for key %q, or it is null", key)
	}
	err := e.template.in.errorAtPos(e.absent.Position(), "executing <%s>: %s", e.absent, message)
	if err.Hint = e.versionHint(key, fields); err.Hint == "" {
		err.Hint = "correct the key, or guard it with if or with; error_on_missing_key = false publishes " + strconv.Quote(hole)
	}
	return err
}

// absentKey finds the key in an error of text/template about a missing one.
var absentKey = regexp.MustCompile(`no entry for key "([^"]*)"|nil pointer evaluating .*\.(\w+)$|^(?:error calling \w+: )?(?:invalid value|wrong type for value); expected [^;]*(?:; got (?:nil|interface \{\}))?$`)

// hintFor returns what to do about an error of text/template; "" if that is unknown.
func (e *execution) hintFor(message, context string) string {
	m := absentKey.FindStringSubmatch(message)
	if m == nil {
		return ""
	}
	fields := strings.FieldsFunc(context, func(r rune) bool { return r == '.' || r == ' ' })
	return e.versionHint(m[1]+m[2], fields)
}

// versionHint returns the hint for a secret that was read as if it were of the other
// version of KV: a key of version 2 is below data. It names keys only, no values.
func (e *execution) versionHint(key string, fields []string) string {
	belowData := slices.Contains(fields, "data")
	for _, a := range e.secrets {
		below, is2 := versionTwo(a.secret)
		switch {
		case is2 && !belowData && (key == "" || slices.Contains(fields, "Data") || hasKey(below, key)):
			return fmt.Sprintf("%s is KV version 2: its values are below .Data.data (keys: %s)", a.request.Path, keysOf(below))
		case !is2 && belowData && a.request.Kind == vaultreq.Read && !hasKey(a.secret.Data, "data") && len(a.secret.Data) > 0:
			return fmt.Sprintf("%s is not KV version 2: its values are below .Data (keys: %s)", a.request.Path, keysOf(a.secret.Data))
		case is2 && key != "" && !hasKey(below, key):
			return fmt.Sprintf("%s has the keys %s", a.request.Path, keysOf(below))
		case !is2 && key != "" && !hasKey(a.secret.Data, key) && len(e.secrets) == 1 && len(a.secret.Data) > 0:
			return fmt.Sprintf("%s has the keys %s", a.request.Path, keysOf(a.secret.Data))
		}
	}
	return ""
}

// versionTwo returns the values of an answer in the form of KV version 2, and whether it
// has this form.
func versionTwo(s *api.Secret) (values map[string]any, is bool) {
	metadata, _ := s.Data["metadata"].(map[string]any)
	if len(s.Data) != 2 || !hasKey(s.Data, "data") || !hasKey(metadata, "version") {
		return nil, false
	}
	values, _ = s.Data["data"].(map[string]any)
	return values, true
}

func hasKey(m map[string]any, key string) bool {
	_, has := m[key]
	return has
}

// keysOf lists the names of the keys, but not all if there are many.
func keysOf(m map[string]any) string {
	const most = 20
	list := slices.Sorted(maps.Keys(m))
	if len(list) > most {
		list = append(list[:most], "…")
	}
	return strings.Join(list, ", ")
}
