// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"io/fs"
	"strconv"
	"time"
)

// Sink is the sink block: a place to which the login token is written.
type Sink struct {
	Type      string // always file
	Path      string
	Mode      fs.FileMode   // permission bits only
	UID, GID  int           // -1: those of certagent
	WrapTTL   time.Duration // 0: the token is not wrapped
	DHType    string        // curve25519, or empty: the token is not encrypted
	DHPath    string        // the file with the public key of the reader
	DeriveKey bool
	AAD       string
	Pos       Pos
}

func readSink(s *scope) Sink {
	k := Sink{Type: s.typeName(), Mode: 0o640, UID: -1, GID: -1, Pos: s.pos()}
	get(s, "wrap_ttl", asSeconds, &k.WrapTTL)
	get(s, "dh_type", asText, &k.DHType)
	get(s, "dh_path", asText, &k.DHPath)
	get(s, "derive_key", asBool, &k.DeriveKey)
	get(s, "aad", asText, &k.AAD)
	var variable string
	if get(s, "aad_env_var", asText, &variable) && variable != "" {
		k.AAD, _ = s.lookupEnv(variable)
	}
	k.checkEncryption(s)
	if k.Type != "file" && k.Type != "" {
		s.problem(StartError, "", "unknown sink type "+strconv.Quote(k.Type), `the only type is "file"`)
	}
	k.readConfig(s.settings("config"))
	s.finish(Warning)
	return k
}

func (k *Sink) checkEncryption(s *scope) {
	if k.DHType != "" && k.DHType != "curve25519" {
		s.problem(LoadError, "dh_type", "unknown type "+s.value("dh_type").Describe(), `the only type is "curve25519"`)
		return
	}
	if (k.DHType == "") != (k.DHPath == "") {
		s.problem(LoadError, "", "dh_type and dh_path must be set together", "set both or neither")
		return
	}
	if k.DHType != "" {
		return
	}
	if k.AAD != "" {
		s.problem(LoadError, "aad", "needs dh_type", "add dh_type: without it the token is not encrypted")
	}
	if k.DeriveKey {
		s.problem(LoadError, "derive_key", "needs dh_type", "add dh_type: without it the token is not encrypted")
	}
}

func (k *Sink) readConfig(s *scope) {
	requireString(s, "path", &k.Path)
	mode := int(k.Mode)
	if getAs(s, StartError, "mode", asInteger, &mode) {
		k.Mode = readMode(s, StartError, "mode", mode)
	}
	getAs(s, StartError, "owner", asInteger, &k.UID)
	getAs(s, StartError, "group", asInteger, &k.GID)
	s.finish(Warning)
}
