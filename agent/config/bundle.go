// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/timewindow"
)

// Bundle is the bundle block: the files that change together, and the reaction
// to their change.
type Bundle struct {
	// Name is unique and can be part of a file name.
	Name string
	// Directory contains all files of the bundle and is published by one
	// rename. If it is empty, the files are published one by one under a
	// journal.
	Directory      string
	DirectoryPerms fs.FileMode // of directories that certagent creates; never 0
	User, Group    string      // of these directories, and the default of the files; a name or a number; empty: not set
	Members        []Member    // in the order of the configuration file
	Change         Change
	// Debounce is how long a change waits for equal changes of other bundles,
	// so that they run once together. 0 means no wait.
	Debounce time.Duration
	// MinInterval is the minimum time between two changes. 0 means no minimum.
	MinInterval time.Duration
	Check       *Check  // nil: no check
	Verify      *Verify // nil: no verification
	// Window is the time of day at which certificates are renewed, such as
	// "02:00-05:00" or "22:00-04:00 Europe/Berlin". Without a time zone it is
	// in the time zone of the host. Empty means any time.
	Window timewindow.Window
	// MaxIssuesPerHour is how often a certificate may be issued within an hour.
	// The limit stops a certificate that is issued again and again by mistake.
	MaxIssuesPerHour int
	Pos              Pos
}

const (
	defaultDebounce         = time.Second
	defaultMaxIssuesPerHour = 10
)

// Path returns the path at which readers find a file: its destination, below
// the directory if the bundle has one.
func (b *Bundle) Path(destination string) string {
	return filepath.Join(b.Directory, destination)
}

func readBundle(s *scope) Bundle {
	b := Bundle{Pos: s.pos(), Debounce: defaultDebounce, MaxIssuesPerHour: defaultMaxIssuesPerHour}
	b.readName(s)
	b.readDirectory(s)
	defaults := memberDefaults{bundle: &b, perms: b.readPerms(s), renew: readRenew(s)}
	get(s, "user", asString, &b.User)
	get(s, "group", asString, &b.Group)
	b.Members = readMembers(s, defaults)
	b.checkPerms(s, defaults.perms)
	b.readChange(s)
	if c := s.ownBlock("check"); c != nil {
		b.Check = readCheck(c)
	}
	if v := s.ownBlock("verify"); v != nil {
		b.Verify = readVerify(v)
		b.checkVerified(v)
	}
	get(s, "window", asWindow, &b.Window)
	getPositive(s, "max_issues_per_hour", asInteger, &b.MaxIssuesPerHour)
	b.checkMembers(s)
	s.finish(LoadError)
	return b
}

func (b *Bundle) readName(s *scope) {
	if len(s.labels) != 1 {
		s.problem(LoadError, "", "must have one label, the bundle's name", `write bundle "NAME" { … }`)
		return
	}
	b.Name = s.labels[0]
	s.checkName(LoadError, b.Name, "a bundle")
}

func (b *Bundle) readDirectory(s *scope) {
	if !get(s, "directory", asString, &b.Directory) {
		return
	}
	if b.Directory == "" {
		s.problem(LoadError, "directory", "is empty", "remove it if the destinations are absolute")
		return
	}
	b.Directory = filepath.Clean(b.Directory)
}

// readPerms returns the default permissions of the members' files.
func (b *Bundle) readPerms(s *scope) filePerms {
	b.DirectoryPerms = 0o750
	perms := defaultPerms.read(s, &b.DirectoryPerms)
	if inner := s.value("perms").Object; inner != nil && b.Directory == "" {
		directory := func(it hclread.Item) bool { return it.Name == "directory" }
		if slices.ContainsFunc(inner.Items, directory) && !s.has("directory") {
			s.problem(ValidateError, "perms", "directory has no effect: the bundle has no directory", "remove it")
		}
	}
	if b.DirectoryPerms&0o700 != 0o700 {
		s.problem(ValidateError, "perms", "the owner of the directory needs read, write and execute permission", `write directory = "0750"`)
	}
	return perms
}

// readChange reads the change, which all members share.
func (b *Bundle) readChange(s *scope) {
	b.Change = readChange(s)
	get(s, "debounce", asDuration, &b.Debounce)
	get(s, "min_interval", asDuration, &b.MinInterval)
	for _, name := range []string{"debounce", "min_interval"} {
		if s.has(name) && isNoop(s, b.Change) {
			s.problem(ValidateError, name, "has no effect without a change", `add change_mode = "signal", "restart" or "command"`)
		}
	}
}

func (b *Bundle) certificates() (all []*Certificate) {
	for _, m := range b.Members {
		if m.Certificate != nil {
			all = append(all, m.Certificate)
		}
	}
	return all
}

// checkMembers reports a bundle without members, and keys for certificates in a
// bundle without certificates.
func (b *Bundle) checkMembers(s *scope) {
	if len(b.Members) == 0 {
		if !s.has("certificate") && !s.has("template") {
			s.problem(ValidateError, "", "is empty", "add a certificate or a template")
		}
		return
	}
	if len(b.certificates()) > 0 || s.has("certificate") {
		return
	}
	for _, name := range []string{"renew_before", "renew_at", "window", "max_issues_per_hour"} {
		if s.has(name) {
			s.problem(ValidateError, name, "has no effect without a certificate", "add a certificate, or remove it")
		}
	}
}

// checkPerms reports permissions of the bundle that make a private key
// accessible to every user.
func (b *Bundle) checkPerms(s *scope, p filePerms) {
	for _, c := range b.certificates() {
		for _, f := range c.Files {
			if f.Kind.HoldsKey() && f.Perms == p.key {
				p.checkKey(s)
				return
			}
		}
	}
}

// checkVerified checks that there is a certificate to compare with the served
// one, and that the server name selects it if there are several.
func (b *Bundle) checkVerified(s *scope) {
	var leaves []*Certificate
	for _, c := range b.certificates() {
		if c.has(certspec.Kind.HoldsLeaf) || len(c.Files) == 0 { // no files: already reported
			leaves = append(leaves, c)
		}
	}
	switch {
	case len(b.certificates()) == 0 && len(b.Members) > 0:
		s.problem(ValidateError, "", "needs a certificate in the bundle", "add a certificate block: certagent does not know which certificate a template contains")
	case len(b.Members) > 0 && len(leaves) == 0:
		s.problem(ValidateError, "", "needs a file that contains the certificate", "add cert, fullchain or combined to files")
	case len(leaves) < 2:
	case b.Verify.ServerName == "":
		s.problem(ValidateError, "server_name", "is missing: the bundle has several certificates", "write the host name of the certificate that must be served")
	case !named(leaves, b.Verify.ServerName):
		s.problem(ValidateError, "server_name", "matches none of the bundle's certificates", "write the host name of the certificate that must be served")
	}
}

// named reports whether a host name is a name of one of the certificates, or is
// covered by a wildcard name.
func named(certificates []*Certificate, host string) bool {
	_, parent, _ := strings.Cut(host, ".")
	for _, c := range certificates {
		for _, name := range append([]string{c.CommonName}, c.AltNames...) {
			if strings.EqualFold(name, host) || strings.EqualFold(name, "*."+parent) {
				return true
			}
		}
	}
	return false
}

func (b *Bundle) title() string { return "bundle " + strconv.Quote(b.Name) }

func (v validator) checkBundles() {
	names, directories := map[string]Pos{}, map[string]*Bundle{}
	for i := range v.bundles {
		b := &v.bundles[i]
		if earlier, seen := names[b.Name]; seen && b.Name != "" {
			v.problem(ValidateError, b.Pos, b.title(), "", "the name is already used by the bundle at "+earlier.String(), "choose another name")
		}
		names[b.Name] = b.Pos
		if other, seen := directories[Absolute(b.Directory)]; seen && b.Directory != "" {
			v.problem(ValidateError, b.Pos, b.title(), "directory", "is also the directory of "+other.title(),
				"give each bundle its own directory, or merge the two bundles")
		}
		if b.Directory != "" {
			directories[Absolute(b.Directory)] = b
		}
	}
}

// Member is a certificate or template block of a bundle. Exactly one of its
// fields is not nil.
type Member struct {
	Certificate *Certificate
	// Template has no Change, because the change is that of the bundle. Its
	// Perms are always set.
	Template *Template
}

// Pos returns the place of the member's block.
func (m Member) Pos() Pos {
	if m.Certificate != nil {
		return m.Certificate.Pos
	}
	return m.Template.Pos
}

// memberDefaults holds the settings of a bundle that its members inherit.
type memberDefaults struct {
	bundle *Bundle
	perms  filePerms
	renew  certspec.Renew
}

func readMembers(s *scope, d memberDefaults) []Member {
	var members []Member
	for _, b := range s.unlabelled("certificate") {
		members = append(members, Member{Certificate: readCertificate(b, d)})
	}
	for _, b := range s.unlabelled("template") {
		members = append(members, Member{Template: readMemberTemplate(b, d)})
	}
	slices.SortStableFunc(members, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.Pos().Line, b.Pos().Line), cmp.Compare(a.Pos().Column, b.Pos().Column))
	})
	return members
}

func readMemberTemplate(s *scope, d memberDefaults) *Template {
	t := readTemplateFile(s)
	refuseReaction(s)
	t.check(s)
	if t.Destination != "" {
		t.Destination = d.bundle.destination(s, "destination", t.Destination)
	}
	t.User = cmp.Or(t.User, d.bundle.User)
	t.Group = cmp.Or(t.Group, d.bundle.Group)
	if !t.PermsSet {
		t.Perms, t.PermsSet = d.perms.other, true
	}
	if t.Backup && d.bundle.Directory != "" {
		s.problem(Warning, "backup", "has no effect in a bundle with a directory", "remove it: the directory keeps the two previous generations")
		t.Backup = false
	}
	return &t
}

// reactionKeys are the keys that readChange reads, and those that delay a
// change.
var reactionKeys = []string{
	"change_mode", "change_signal", "change_script", "command", "command_timeout", "exec",
	"pid_file", "change_exec", "splay", "debounce", "min_interval",
}

// refuseReaction reports keys of a change in a member: the members of a bundle
// change together and share one change.
func refuseReaction(s *scope) {
	for _, name := range reactionKeys {
		s.refuse(name, "must be set in the bundle, whose members change together", "move it from this block into the bundle")
	}
}

// asWindow takes a time window, which may span midnight, optionally followed by
// a time zone: a name, or an offset such as +02:00.
func asWindow(v hclread.Value) (timewindow.Window, error) {
	text, err := asString(v)
	if err != nil {
		return timewindow.Window{}, err
	}
	window, err := timewindow.Parse(strings.TrimSpace(text), time.LoadLocation)
	switch {
	case errors.Is(err, timewindow.ErrEmpty):
		err = &valueError{"starts and ends at the same time", "remove it to renew at any time"}
	case errors.Is(err, timewindow.ErrZone):
		err = &valueError{"unknown time zone in " + v.Describe(), `write a name such as "UTC" or "Europe/Berlin", or "+02:00"`}
	case err != nil:
		err = &valueError{"must be a time window, not " + v.Describe(), `write for example "02:00-05:00" or "22:00-04:00 Europe/Berlin"`}
	}
	return window, err
}
