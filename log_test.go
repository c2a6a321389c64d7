// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certagent_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// logPage lists the messages for operators.
const logPage = "docs/log.md"

// levelOf are the levels of the logger's methods.
var levelOf = map[string]string{
	"Debug": "debug", "Info": "info", "Warn": "warn", "Error": "error",
	"DebugContext": "debug", "InfoContext": "info", "WarnContext": "warn", "ErrorContext": "error",
}

// levelOrder is the order of levels on the page, which leaves out debug.
var levelOrder = []string{"info", "warn", "error"}

// logged is how a message is logged, in all places together.
type logged struct{ levels, keys map[string]bool }

// row returns the page's columns for levels and keys.
func (l *logged) row() string {
	var levels, keys []string
	for _, level := range levelOrder {
		if l.levels[level] {
			levels = append(levels, level)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(l.keys)) {
		keys = append(keys, "`"+key+"`")
	}
	return strings.Join(levels, ", ") + " | " + strings.Join(keys, ", ")
}

// TestLogPage compares docs/log.md with the code: every message that is logged at
// info or above has a row with its levels and keys, and every row has a message.
func TestLogPage(t *testing.T) {
	messages, keys := constants(t, "logmsg"), constants(t, "logkey")
	keys["LeftOutCount"] = keys["LeftOut"] // the function for it
	w := &logWalk{T: t, keys: keys, found: make(map[string]*logged)}
	for _, p := range list(t) {
		if logs(p.name()) {
			w.walk(p)
		}
	}
	documented := logRows(t)
	for name, l := range w.found {
		text, ok := messages[name]
		if !ok {
			t.Errorf("there is no message logmsg.%s", name)
			continue
		}
		got, ok := documented[text]
		delete(documented, text)
		switch want := l.row(); {
		case strings.HasPrefix(want, " |"): // at debug only
			if ok {
				t.Errorf("%s: %q is logged at debug only: remove its row", logPage, text)
			}
		case !ok:
			t.Errorf("%s: a row is missing:\n| `%s` | %s | MEANING | WHAT TO DO |", logPage, text, want)
		case got != want:
			t.Errorf("%s: %q has the columns\n%s\nbut is logged with\n%s", logPage, text, got, want)
		}
	}
	for text := range documented {
		t.Errorf("%s: %q is not logged", logPage, text)
	}
	for name := range messages {
		if w.found[name] == nil {
			t.Errorf("logmsg.%s is not logged", name)
		}
	}
	if len(w.found) < 80 {
		t.Errorf("only %d messages were found", len(w.found))
	}
}

// logs reports whether a package writes to certagent's log. Examples, benches and
// the dev server have logs of their own.
func logs(name string) bool {
	return within(name, "agent") || slices.Contains([]string{"cmd/certagent", "exec", "sinks", "probe"}, name)
}

// constants returns the names and values of a package's constants.
func constants(t *testing.T, pkg string) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(pkg, pkg+".go"), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for i, name := range spec.Names {
				found[name.Name], _ = strconv.Unquote(spec.Values[i].(*ast.BasicLit).Value) // it compiles
			}
		}
		return true
	})
	return found
}

// logRows returns the columns for levels and keys of each message on the page. A
// row without a meaning, or without what to do, fails the test.
func logRows(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(logPage)
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 7 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		message := strings.Trim(cells[1], "`")
		if _, twice := rows[message]; twice {
			t.Errorf("%s: %q has two rows", logPage, message)
		}
		if cells[4] == "" || cells[5] == "" || strings.Contains(line, "WHAT TO DO") {
			t.Errorf("%s: %q lacks its meaning or what to do", logPage, message)
		}
		rows[message] = cells[2] + " | " + cells[3]
	}
	return rows
}

// logWalk collects the calls of loggers in a package. It follows a message that is
// a variable, a parameter or an element of a map to where that gets its value.
type logWalk struct {
	*testing.T
	keys  map[string]string // by the names of their constants
	found map[string]*logged
	files []sourceFile // of the package
}

func (w *logWalk) walk(p goPackage) {
	w.files = parse(w.T, p)
	for _, file := range w.files {
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			ast.Inspect(f.Body, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					w.call(file, f, call)
				}
				return true
			})
		}
	}
}

// call records a call if it is one of a logger.
func (w *logWalk) call(file sourceFile, f *ast.FuncDecl, call *ast.CallExpr) {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !isLogger(method.X) {
		return
	}
	skip, logs := logging[method.Sel.Name]
	if !logs || method.Sel.Name == "With" || len(call.Args) < skip {
		return
	}
	levels := []string{levelOf[method.Sel.Name]}
	if method.Sel.Name == "Log" {
		levels = w.levels(f, call.Args[1])
	}
	names := w.messages(f, call.Args[skip-1])
	if len(names) == 0 || len(levels) == 0 {
		w.Errorf("%s: the message is not a constant of logmsg, or the level none of slog's", file.fset.Position(call.Pos()))
	}
	keys := w.keysOf(f, call.Args[skip:], call.Ellipsis.IsValid())
	keys = append(keys, w.withKeys(f, method.X)...)
	for _, name := range names {
		l := w.found[name]
		if l == nil {
			l = &logged{levels: make(map[string]bool), keys: make(map[string]bool)}
			w.found[name] = l
		}
		for _, level := range levels {
			l.levels[level] = true
		}
		for _, key := range keys {
			l.keys[key] = true
		}
	}
}

// selected returns the name that an expression selects from a package.
func selected(e ast.Node, pkg string) (name string, ok bool) {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	x, ok := s.X.(*ast.Ident)
	return s.Sel.Name, ok && x.Name == pkg
}

// allSelected returns every name that is selected from a package below a node.
func allSelected(n ast.Node, pkg string) (names []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		if name, ok := selected(n, pkg); ok {
			names = append(names, name)
		}
		return true
	})
	return names
}

// assigned returns the expressions that a function assigns to a variable.
func assigned(f *ast.FuncDecl, variable string) (values []ast.Expr) {
	ast.Inspect(f.Body, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) == len(a.Rhs) {
			for i, left := range a.Lhs {
				if name, ok := left.(*ast.Ident); ok && name.Name == variable {
					values = append(values, a.Rhs[i])
				}
			}
		}
		return true
	})
	return values
}

// levels returns the levels that an expression can have.
func (w *logWalk) levels(f *ast.FuncDecl, e ast.Expr) (levels []string) {
	exprs := []ast.Expr{e}
	if name, ok := e.(*ast.Ident); ok {
		exprs = assigned(f, name.Name)
	}
	for _, e := range exprs {
		names := allSelected(e, "slog")
		if len(names) == 0 { // a level from elsewhere is any of them
			return levelOrder
		}
		for _, name := range names {
			if level, ok := strings.CutPrefix(name, "Level"); ok {
				levels = append(levels, strings.ToLower(level))
			}
		}
	}
	return levels
}

// messages returns the constants of logmsg that an expression can have.
func (w *logWalk) messages(f *ast.FuncDecl, e ast.Expr) (names []string) {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return allSelected(e, "logmsg")
	case *ast.IndexExpr:
		if name, ok := e.X.(*ast.Ident); ok {
			return w.elements(name.Name)
		}
	case *ast.Ident:
		at := 0
		for _, field := range f.Type.Params.List {
			for _, name := range field.Names {
				if name.Name == e.Name {
					return w.arguments(f.Name.Name, at)
				}
				at++
			}
		}
		for _, value := range assigned(f, e.Name) {
			names = append(names, w.messages(f, value)...)
		}
	}
	return names
}

// elements returns the messages in a variable of the package.
func (w *logWalk) elements(variable string) (names []string) {
	for _, file := range w.files {
		ast.Inspect(file.File, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && spec.Names[0].Name == variable {
				names = append(names, allSelected(spec, "logmsg")...)
			}
			return true
		})
	}
	return names
}

// arguments returns the messages with which the package calls a function.
func (w *logWalk) arguments(function string, at int) (names []string) {
	for _, file := range w.files {
		ast.Inspect(file.File, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) <= at {
				return true
			}
			var called string
			switch fun := call.Fun.(type) {
			case *ast.Ident:
				called = fun.Name
			case *ast.SelectorExpr:
				called = fun.Sel.Name
			}
			if called == function {
				names = append(names, allSelected(call.Args[at], "logmsg")...)
			}
			return true
		})
	}
	return names
}

// keysOf returns the keys in a call's attributes. Of attributes that come as a
// slice, it takes all keys that the function names.
func (w *logWalk) keysOf(f *ast.FuncDecl, args []ast.Expr, spread bool) (keys []string) {
	from := make([]ast.Node, 0, len(args)+1)
	if spread {
		from = append(from, f.Body)
	}
	for _, arg := range args {
		from = append(from, arg)
	}
	for _, arg := range from {
		for _, name := range allSelected(arg, "logkey") {
			keys = append(keys, w.keys[name])
		}
		ast.Inspect(arg, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if name, ok := call.Fun.(*ast.Ident); ok {
					keys = append(keys, w.keysInside(name.Name)...)
				}
			}
			return true
		})
	}
	return keys
}

// keysInside returns the keys that a function of the package names, if that returns
// an attribute.
func (w *logWalk) keysInside(function string) (keys []string) {
	for _, file := range w.files {
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv != nil || f.Name.Name != function || f.Type.Results == nil {
				continue
			}
			if name, ok := selected(f.Type.Results.List[0].Type, "slog"); ok && name == "Attr" {
				for _, name := range allSelected(f.Body, "logkey") {
					keys = append(keys, w.keys[name])
				}
			}
		}
	}
	return keys
}

// withKeys returns the keys that the function gives the logger itself.
func (w *logWalk) withKeys(f *ast.FuncDecl, logger ast.Expr) (keys []string) {
	exprs := []ast.Expr{logger}
	if name, ok := logger.(*ast.Ident); ok {
		exprs = assigned(f, name.Name)
	}
	for _, e := range exprs {
		for _, name := range allSelected(e, "logkey") {
			keys = append(keys, w.keys[name])
		}
	}
	return keys
}
