// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package consumers

import (
	"strconv"
	"strings"
	"testing"

	"github.com/certagent/certagent/dev/seed"
)

// quickJVM has a JVM start sooner; it is not here to be fast for long.
const quickJVM = "JDK_JAVA_OPTIONS=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

// newJavaWorld prepares a world whose program is Server.java.
func newJavaWorld(t *testing.T, title string) *world {
	t.Helper()
	need(t, "java", "javac") // a JRE alone does not run source
	w := newWorld(t, title)
	w.Install("Server.java", "srv/app/Server.java")
	w.Write("srv/app/password", "a password of keystores\n")
	return w
}

func TestJavaPKCS12(t *testing.T) {
	w := newJavaWorld(t, javaPolls)
	a := w.certagent()
	a.logs(published, 1)
	p := w.consumer(quickJVM)
	a.rotates(1)
	clients := w.clients()
	a.rotates(rotations)
	a.undisturbed()
	clients.judge(a)
	a.stop()
	p.stop()
}

// Halfway, the certificates come from another CA. The client has nothing but the
// trust store.
func TestJavaTrustStore(t *testing.T) {
	w := newJavaWorld(t, javaIsTold)
	w.Install("Client.java", "srv/app/Client.java")
	a := w.certagent()
	a.logs(published, 1)
	p := w.consumer(quickJVM)
	a.rotates(1)
	c := w.start("client", []string{quickJVM}, "java", w.Path("srv/app/Client.java"), w.address, "example.test",
		w.Path("srv/app/tls/truststore.jks"), w.Path("srv/app/password"))
	w.Eventually("the client in Java has connected", func() bool { return strings.Contains(c.String(), " ok\n") })
	clients := w.clients()
	a.rotates(2)
	w.changeCA()
	a.rotates(rotations - 2)
	a.undisturbed()
	clients.judge(a)
	c.stop()
	a.stop()
	p.stop()

	requests, again, most := 0, 0, 0
	for line := range strings.Lines(c.String()) {
		number, outcome, _ := strings.Cut(strings.TrimSpace(line), " ")
		trusted, err := strconv.Atoi(number)
		if err != nil {
			continue // what the JVM itself has to say
		}
		requests++
		most = max(most, trusted)
		switch outcome {
		case "ok":
		case "again":
			again++
		default:
			t.Errorf("the client in Java: %s", outcome)
		}
	}
	if most != 2 {
		t.Errorf("the client in Java trusted up to %d CAs, want the old one and the new one", most)
	}
	if again > 1 {
		t.Errorf("the trust store was replaced once, and %d requests had to be made again", again)
	}
	t.Logf("the client in Java made %d requests, %d of them again", requests, again)
}

// changeCA gives the mount another root, which signs from now on. The clients
// trust both.
func (w *world) changeCA() {
	w.Helper()
	c := w.Client.Logical()
	answer, err := c.WriteWithContext(w.Context(), "pki/root/rotate/internal", seed.Params{"common_name": "Another CA", "issuer_name": "another", "key_type": "ec"})
	if err != nil {
		w.Fatal(err)
	}
	w.trust(answer.Data["certificate"].(string))
	if _, err := c.WriteWithContext(w.Context(), "pki/root/replace", seed.Params{"default": "another"}); err != nil {
		w.Fatal(err)
	}
}
