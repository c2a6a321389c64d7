// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certagent_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/certagent/certagent"

// leaf lists the packages on the ground floor: data and pure functions, which any
// other package may import. Those that import other leaves are in arrows.
var leaf = []string{"backoff", "certinfo", "certspec", "jitter", "logkey", "logmsg", "nearest", "redact", "safefile", "settings", "timewindow", "vaultreq"}

// impure is the leaf that is no pure function: it is on the ground floor because every
// package has to read files in the one way that ends.
const impure = "safefile"

// arrows lists which packages of the module each package may import, besides
// those below itself. A package that is not listed imports none. The packages below
// one that is listed are parts of it, except for those of agent: these are siblings,
// which do not import each other. Only agent/bundle, the life of one bundle, is
// built of others, and agent of those that are not a bundle's alone.
var arrows = map[string][]string{
	"certspec": {"redact"},
	"vaultreq": {"redact"},
	"sinks":    leaf,
	"exec":     leaf,
	"probe":    leaf,
	"dev":      leaf,
	"agent": leafAnd("sinks", "exec",
		"agent/auth", "agent/bundle", "agent/client", "agent/config", "agent/expiry", "agent/secrets", "agent/status", "agent/watch"),
	"agent/bundle": leafAnd("sinks", "exec", "probe",
		"agent/config", "agent/plan", "agent/secrets", "agent/render", "agent/certificate", "agent/inspect", "agent/watch", "agent/status"),
	"agent/plan":                  {"backoff"},
	"agent/*":                     leaf,
	"cmd/certagent":               leafAnd("agent", "dev"),
	"acceptance":                  {"redact"},
	"internal/harness":            {"redact", "dev"},
	"bench":                       leafAnd("sinks", "dev"),
	"examples":                    leafAnd("probe", "dev"),
	"examples/internal/stagetest": {"internal/harness"},
}

func leafAnd(more ...string) []string { return slices.Concat(leaf, more) }

// onlyFor lists the packages that only one other package imports, because they are
// a part of it.
var onlyFor = map[string]string{"agent/config/hclread": "agent/config"}

// goPackage is what go list tells of a package.
type goPackage struct {
	ImportPath, Dir string
	GoFiles         []string
	Imports         []string
}

// name is the package's directory in the module.
func (p goPackage) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

func list(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list finds %d packages", len(all))
	}
	return all
}

// within reports whether a package is the directory or below it.
func within(name, directory string) bool {
	return name == directory || strings.HasPrefix(name, directory+"/")
}

// allowed reports whether the arrows let a package import another one.
func allowed(from, to string) bool {
	if owner, owned := onlyFor[to]; owned && !within(from, owner) {
		return false
	}
	part := partOf(from)
	if part != "agent" && (within(to, from) || within(to, part)) {
		return true
	}
	return slices.ContainsFunc(arrows[part], func(target string) bool { return within(to, target) })
}

// partOf is the key in arrows that a package belongs to.
func partOf(name string) string {
	for at := name; at != "."; at = filepath.Dir(at) {
		if _, named := arrows[at]; named {
			return at
		}
		if _, named := arrows[filepath.Dir(at)+"/*"]; named {
			return filepath.Dir(at) + "/*"
		}
	}
	return ""
}

func TestArrows(t *testing.T) {
	for _, p := range list(t) {
		for _, path := range p.Imports {
			to, ours := strings.CutPrefix(path, module+"/")
			if ours && !allowed(p.name(), to) {
				t.Errorf("%s imports %s, which the layout does not allow", p.name(), to)
			}
		}
	}
}

// Every arrow is needed: one that no import uses would let in what nobody has
// decided. The leaves need no use.
func TestEveryArrowIsUsed(t *testing.T) {
	packages := list(t)
	imports := func(part, target string) bool {
		return slices.ContainsFunc(packages, func(p goPackage) bool {
			return partOf(p.name()) == part && slices.ContainsFunc(p.Imports, func(path string) bool {
				return within(strings.TrimPrefix(path, module+"/"), target)
			})
		})
	}
	for part, targets := range arrows {
		if !slices.ContainsFunc(packages, func(p goPackage) bool { return partOf(p.name()) == part }) {
			t.Errorf("no package is under the rule of %s", part)
		}
		for _, target := range targets {
			if !slices.Contains(leaf, target) && !imports(part, target) {
				t.Errorf("%s imports nothing of %s: delete the arrow", part, target)
			}
		}
	}
}

// Every rule counts: without it an import that exists, or a case of TestAllowed,
// comes out differently.
func TestEveryRuleCounts(t *testing.T) {
	packages := list(t)
	holds := func() bool {
		for _, p := range packages {
			for _, path := range p.Imports {
				if to, ours := strings.CutPrefix(path, module+"/"); ours && !allowed(p.name(), to) {
					return false
				}
			}
		}
		return !slices.ContainsFunc(cases, func(c allowedCase) bool { return allowed(c.from, c.to) != c.want })
	}
	if !holds() {
		t.Fatal("the rules do not hold: see TestArrows and TestAllowed")
	}
	for _, part := range slices.Sorted(maps.Keys(arrows)) {
		targets := arrows[part]
		delete(arrows, part)
		if holds() {
			t.Errorf("nothing differs without the rule of %s: add a case to TestAllowed", part)
		}
		arrows[part] = targets
	}
	for _, to := range slices.Sorted(maps.Keys(onlyFor)) {
		owner := onlyFor[to]
		delete(onlyFor, to)
		if holds() {
			t.Errorf("nothing differs without the rule that only %s imports %s: add a case to TestAllowed", owner, to)
		}
		onlyFor[to] = owner
	}
}

// testsOnly names packages that only tests import.
var testsOnly = []string{"internal/harness", "examples/internal/stagetest"}

func TestTestsOnly(t *testing.T) {
	found := 0
	for _, p := range list(t) {
		if slices.Contains(testsOnly, p.name()) {
			found++
			continue
		}
		for _, path := range p.Imports {
			if to := strings.TrimPrefix(path, module+"/"); slices.Contains(testsOnly, to) {
				t.Errorf("%s imports %s, which is for tests", p.name(), to)
			}
		}
	}
	if found != len(testsOnly) {
		t.Errorf("%d of the packages %q are there", found, testsOnly)
	}
}

// allowedCase is an import that the rules allow or forbid.
type allowedCase struct {
	from, to string
	want     bool
}

var cases = []allowedCase{
	{"agent/auth", "agent/secrets", false},
	{"agent/bundle", "agent/secrets", true},
	{"agent/bundle", "agent/auth", false},
	{"agent/bundle", "agent", false},
	{"agent/secrets", "agent/bundle", false},
	{"agent", "probe", false},
	{"agent/plan", "redact", false},
	{"agent", "agent/bundle", true},
	{"agent", "agent/plan", false},
	{"agent", "dev", false},
	{"agent/config", "agent", false},
	{"agent/config", "agent/config/hclread", true},
	{"agent/config/hclread", "agent/config", false},
	{"agent", "agent/config/hclread", false},
	{"agent/bundle", "agent/config/hclread", false},
	{"agent/new", "agent/secrets", false},
	{"agent/new", "redact", true},
	{"agent/new", "agent/new/internal", true},
	{"agent/new/internal", "agent/secrets", false},
	{"examples/nginx", "examples/internal/mutual", true},
	{"sinks", "exec", false},
	{"exec", "agent", false},
	{"cmd/certagent", "agent/config", true},
	{"cmd/certagent", "dev/seed", true},
	{"dev/internal/pki", "dev/internal/backend", true},
	{"dev/seed", "redact", true},
	{"dev", "agent", false},
	{"internal/harness", "dev/seed", true},
	{"internal/harness", "agent", false},
	{"unheard-of", "redact", false},
	{"backoff", "redact", false},
	{"vaultreq", "redact", true},
	{"vaultreq", "agent/secrets", false},
	{"agent/new", "backoff", true},
	{"probe", "backoff", true},
	{"probe", "exec", false},
	{"acceptance/server", "redact", true},
	{"acceptance/server", "agent", false},
	{"bench", "agent", false},
}

// The rules themselves, so that a mistake in allowed does not pass for a clean layout.
func TestAllowed(t *testing.T) {
	for _, c := range cases {
		if got := allowed(c.from, c.to); got != c.want {
			t.Errorf("allowed(%q, %q) = %v", c.from, c.to, got)
		}
	}
}

// The state of a bundle changes in one file: steps report events, and package plan
// says what follows from them.
func TestStateIsAssignedInOneFile(t *testing.T) {
	for _, p := range list(t) {
		if p.name() != "agent/bundle" {
			continue
		}
		assignments := 0
		for _, file := range parse(t, p) {
			home := file.fset.Position(file.Package).Filename
			check := func(e ast.Expr) {
				if !hasField(e, "state") {
					return
				}
				if assignments++; filepath.Base(home) != "state.go" {
					t.Errorf("%s: the state is changed outside state.go", file.fset.Position(e.Pos()))
				}
			}
			ast.Inspect(file.File, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.AssignStmt:
					for _, e := range n.Lhs {
						check(e)
					}
				case *ast.IncDecStmt:
					check(n.X)
				case *ast.UnaryExpr: // whoever has its address can change it
					if n.Op == token.AND {
						check(n.X)
					}
				}
				return true
			})
		}
		if assignments == 0 {
			t.Error("nothing changes the state of a bundle: is it named state?")
		}
		return
	}
	t.Fatal("there is no agent/bundle")
}

// hasField reports whether an expression such as b.state.Retry.Check[0] selects
// the field on its way.
func hasField(e ast.Expr, name string) bool {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return e.Sel.Name == name || hasField(e.X, name)
	case *ast.IndexExpr:
		return hasField(e.X, name)
	case *ast.ParenExpr:
		return hasField(e.X, name)
	case *ast.StarExpr:
		return hasField(e.X, name)
	}
	return false
}

// The packages on the ground floor, and agent/plan, hold data and pure functions:
// they reach neither the outside world nor the clock nor a source of random numbers.
func TestPurePackages(t *testing.T) {
	forbidden := []string{
		"bufio", "context", "crypto/rand", "crypto/tls", "embed", "io/ioutil", "log", "math/rand", "math/rand/v2",
		"net", "net/http", "os", "os/exec", "os/signal", "os/user", "plugin", "sync", "syscall",
		"golang.org/x/sys/unix", "github.com/hashicorp/vault/api",
	}
	clock := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "LoadLocation"}
	pure := append([]string{"agent/plan"}, slices.DeleteFunc(slices.Clone(leaf), func(name string) bool { return name == impure })...)
	for _, p := range list(t) {
		at := slices.Index(pure, p.name())
		if at < 0 {
			continue
		}
		pure = slices.Delete(pure, at, at+1)
		for _, path := range p.Imports {
			if slices.Contains(forbidden, path) {
				t.Errorf("%s imports %s", p.name(), path)
			}
		}
		for _, file := range parse(t, p) {
			for _, call := range callsOf(file, "time") {
				if slices.Contains(clock, call.name) {
					t.Errorf("%s: %s calls time.%s", call.position, p.name(), call.name)
				}
			}
			for _, call := range callsOf(file, "path/filepath") {
				if slices.Contains([]string{"Abs", "EvalSymlinks", "Glob", "Walk", "WalkDir"}, call.name) {
					t.Errorf("%s: %s calls filepath.%s", call.position, p.name(), call.name)
				}
			}
		}
	}
	if len(pure) > 0 {
		t.Errorf("there is no package %q", pure)
	}
}

func TestOnlyMainExits(t *testing.T) {
	for _, p := range list(t) {
		if p.name() == "cmd/certagent" || within(p.name(), "examples") || p.name() == "bench" {
			continue
		}
		for _, file := range parse(t, p) {
			for _, call := range append(callsOf(file, "os"), callsOf(file, "log")...) {
				if call.name == "Exit" || strings.HasPrefix(call.name, "Fatal") {
					t.Errorf("%s: %s is called", call.position, call.name)
				}
			}
		}
	}
}

// The reaper knows the processes that package exec has started; it would take
// another's for orphans, and their exit codes with it.
func TestOnlyExecStartsProcesses(t *testing.T) {
	for _, p := range list(t) {
		part := partOf(p.name())
		if part == "exec" || part == "examples" || part == "bench" || part == "acceptance" || part == "deploy" || slices.Contains(testsOnly, part) {
			continue
		}
		if slices.Contains(p.Imports, "os/exec") {
			t.Errorf("%s imports os/exec", p.name())
		}
		for _, file := range parse(t, p) {
			for _, call := range append(callsOf(file, "os"), callsOf(file, "syscall")...) {
				if slices.Contains([]string{"StartProcess", "ForkExec"}, call.name) {
					t.Errorf("%s: %s is called", call.position, call.name)
				}
			}
		}
	}
}

// The tests' Vault has a module of its own: its size and its licence must not
// become ours.
func TestVaultIsNoDependency(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "all").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		switch path, _, _ := strings.Cut(strings.TrimSpace(line), " "); path {
		case "github.com/hashicorp/vault", "github.com/hashicorp/vault/sdk", "github.com/openbao/openbao":
			t.Errorf("%s is in the module graph", path)
		}
	}
	if !strings.Contains(string(out), "github.com/hashicorp/vault/api ") {
		t.Error("the module graph is not complete")
	}
}

func TestEveryFileNamesTheLicence(t *testing.T) {
	const header = "// Copyright (c) The certagent authors\n// SPDX-License-Identifier: MPL-2.0\n\n"
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if files++; !strings.HasPrefix(string(text), header) {
			t.Errorf("%s does not begin with the licence", path)
		}
		return nil
	})
	if err != nil || files < 100 {
		t.Errorf("%d files: %v", files, err)
	}
}

// logging are the names of the functions and methods that take log attributes,
// with the number of arguments before these.
var logging = map[string]int{
	"Debug": 1, "Info": 1, "Warn": 1, "Error": 1, "With": 0, "Log": 3,
	"DebugContext": 2, "InfoContext": 2, "WarnContext": 2, "ErrorContext": 2,
}

// Log attributes have a key of package logkey, never one made up on the spot.
// (Examples, benches and the dev server have logs of their own.)
func TestLogKeys(t *testing.T) {
	for _, p := range list(t) {
		if !within(p.name(), "agent") && !slices.Contains([]string{"cmd/certagent", "exec", "sinks", "probe"}, p.name()) {
			continue
		}
		for _, file := range parse(t, p) {
			ast.Inspect(file.File, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				method, ok := call.Fun.(*ast.SelectorExpr)
				skip, logs := 0, false
				if ok {
					skip, logs = logging[method.Sel.Name]
				}
				if ok && isSlog(method.X) && len(call.Args) == 2 { // slog.String(key, value) and its like
					skip, logs = 0, true
				}
				if !logs || len(call.Args) < skip {
					return true
				}
				for i, argument := range call.Args[skip:] {
					if literal, ok := argument.(*ast.BasicLit); ok && literal.Kind == token.STRING && i%2 == 0 && (isLogger(method.X) || isSlog(method.X)) {
						t.Errorf("%s: the key %s is not one of logkey's", file.fset.Position(literal.Pos()), literal.Value)
					}
				}
				return true
			})
		}
	}
}

func isSlog(e ast.Expr) bool {
	name, ok := e.(*ast.Ident)
	return ok && name.Name == "slog"
}

// isLogger tells from its name whether an expression is a logger: log, s.log,
// logger, l.Logger, slog.
func isLogger(e ast.Expr) bool {
	var name string
	switch e := e.(type) {
	case *ast.Ident:
		name = e.Name
	case *ast.SelectorExpr:
		name = e.Sel.Name
	case *ast.CallExpr: // log.With(…).Info(…)
		if f, ok := e.Fun.(*ast.SelectorExpr); ok {
			return isLogger(f.X)
		}
		return slices.ContainsFunc(e.Args, isLogger) // orDiscard(logger).Info(…)
	}
	name = strings.ToLower(name)
	return strings.HasSuffix(name, "log") || strings.HasSuffix(name, "logger")
}

// sourceFile is a parsed file that is not a test.
type sourceFile struct {
	*ast.File
	fset *token.FileSet
}

func parse(t *testing.T, p goPackage) []sourceFile {
	t.Helper()
	var files []sourceFile
	for _, name := range p.GoFiles {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, sourceFile{f, fset})
	}
	return files
}

// use is a mention of a package's function.
type use struct {
	name     string
	position token.Position
}

// callsOf finds where a file mentions what a package exports, under whatever name it
// was imported. The package has the name that its path ends with.
func callsOf(file sourceFile, path string) []use {
	local := ""
	for _, spec := range file.Imports {
		if value, err := strconv.Unquote(spec.Path.Value); err == nil && value == path {
			local = filepath.Base(path)
			if spec.Name != nil {
				local = spec.Name.Name
			}
		}
	}
	var found []use
	ast.Inspect(file.File, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && x.Name == local && local != "" {
			found = append(found, use{selector.Sel.Name, file.fset.Position(selector.Pos())})
		}
		return true
	})
	return found
}
