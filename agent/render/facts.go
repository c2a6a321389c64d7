// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"slices"
	"strconv"
	"text/template/parse"

	glob "github.com/ryanuber/go-glob"

	"github.com/certagent/certagent/vaultreq"
)

// facts are what the syntax trees of a template show without an execution. They do not
// refer to nodes, so that the trees can be freed.
type facts struct {
	calls               []callee           // in the order of the text
	denied              map[string]bool    // of the functions that are called; nil for none
	shapes              []shape            // of the calls, each once
	requests            []vaultreq.Request // see Template.Requests
	environment         []string           // sorted
	environmentComputed bool
	unreproducible      bool
}

// callee is a called function.
type callee struct {
	name string
	pos  parse.Pos
}

// factsOf returns the facts of all calls in the trees.
func factsOf(in Input, trees map[string]*parse.Tree) facts {
	var f facts
	for _, tree := range trees {
		walk(tree.Root, func(fn *parse.IdentifierNode, args arguments) { f.record(in, fn, args) })
	}
	slices.SortFunc(f.calls, func(a, b callee) int { return int(a.pos - b.pos) })
	slices.Sort(f.environment)
	f.environment = slices.Compact(f.environment)
	f.requests = staticRequests(trees, f.denied)
	return f
}

// record records one call.
func (f *facts) record(in Input, fn *parse.IdentifierNode, args arguments) {
	f.calls = append(f.calls, callee{fn.Ident, fn.Pos})
	for _, pattern := range in.FunctionDenylist {
		if !builtin.has(fn.Ident) && glob.Glob(pattern, fn.Ident) {
			if f.denied == nil {
				f.denied = map[string]bool{}
			}
			f.denied[fn.Ident] = true
		}
	}
	s := shape{fn.Ident, len(args.nodes)}
	if args.piped != nil {
		s.arguments++
	}
	if !slices.Contains(f.shapes, s) {
		f.shapes = append(f.shapes, s)
	}
	if unreproducible.has(fn.Ident) {
		f.unreproducible = true
	}
	if !environmental.has(fn.Ident) {
		return
	}
	if name, ok := args.first(); ok {
		f.environment = append(f.environment, name)
	} else {
		f.environmentComputed = true
	}
}

// check returns an error for each call of a function that is unknown or refused.
func (f *facts) check(in Input) Errors {
	var errs Errors
	for _, c := range f.calls {
		if system, ok := refused[c.name]; ok {
			e := in.errorAtPos(c.pos, "function %q asks %s, which certagent does not talk to", c.name, system)
			e.Hint = "take the value from Vault with secret, from a file with file or from a variable with env"
			errs = append(errs, e)
		} else if !known(c.name) {
			e := in.errorAtPos(c.pos, "unknown function %q", c.name)
			if name := nearestFunction(c.name); name != "" {
				e.Hint = "did you mean " + strconv.Quote(name) + "?"
			}
			errs = append(errs, e)
		}
	}
	return errs
}

// staticRequests returns the requests that every execution makes: it walks the trees as
// an execution does, and skips everything that is conditional.
func staticRequests(trees map[string]*parse.Tree, denied map[string]bool) []vaultreq.Request {
	var requests []vaultreq.Request
	ended := false
	certainCalls(trees, func(fn *parse.IdentifierNode, args arguments) {
		ended = ended || denied[fn.Ident] || local.has(fn.Ident)
		texts, literal := args.texts()
		if ended || !literal || len(texts) == 0 {
			return
		}
		request, err := vaultreq.Request{}, error(nil)
		switch fn.Ident {
		case "secret":
			request, err = readOrWrite(texts[0], texts[1:])
		case "secrets":
			request, err = vaultreq.New(vaultreq.List, texts[0])
		case "pkiCert":
			request, err = vaultreq.New(vaultreq.Certificate, texts[0], texts[1:]...)
		default:
			return
		}
		if err == nil && !slices.Contains(requests, request) {
			requests = append(requests, request)
		}
	})
	return requests
}
