// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/hex"
	"os"
	"testing"
	"time"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// manyRounds is a PKCS#12 file, in hexadecimal, whose MAC asks for 2^31-1 rounds. Anybody
// can make it, without the password.
const manyRounds = "3049020103301106092a864886f70d010701a004040230003031301f300706052b0e03021a041400" +
	"00000000000000000000000000000000000000040873616c7473616c7402047fffffff"

// keystoreBlock is a bundle whose certificate is in a keystore.
const keystoreBlock = `
bundle "store" {
  certificate {
    role        = "pki/web"
    common_name = "example.test"
    files       = { pkcs12 = "DIR/store.p12" }
    password    = { file = "DIR/storepass" }
  }
  change_mode = "noop"
}
`

// A PKCS#12 file whose MAC asks for 2^31-1 rounds holds up neither the start nor another bundle: it is replaced.
func TestKeystoreWithManyRoundsIsReplaced(t *testing.T) {
	content, err := hex.DecodeString(manyRounds)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.Write("storepass", "changeit\n")
	w.Write("store.p12", string(content))
	began := time.Now()
	p := w.start(login + keystoreBlock + password(""))
	p.Says(logmsg.FileUnusable + `.*destination=\S*store.p12 .*error=".*rounds`)
	p.Says(logmsg.AllPublished)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("published after %v", took)
	}
	harness.Eventually(t, "another keystore", func() bool { return w.Read("store.p12") != string(content) })
	p.stop()
}

// A keystore that cannot be read is not one that is missing: that is said before it is
// replaced.
func TestKeystoreThatCannotBeReadIsNamed(t *testing.T) {
	w := newWorld(t)
	w.Write("storepass", "changeit\n")
	w.Write("store.p12", "")
	if err := os.Truncate(w.Path("store.p12"), 1<<30); err != nil {
		t.Fatal(err)
	}
	p := w.start(login + keystoreBlock + password(""))
	p.Says(logmsg.FileUnusable + `.*destination=\S*store.p12 .*error=".*too large`)
	p.Says(logmsg.AllPublished)
	p.stop()
}
