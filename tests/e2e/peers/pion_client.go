// SPDX-License-Identifier: BSD-3-Clause

// A client on pion, with the options and the output of client.c. It has no tickets: a session is resumed by its
// number, for which a server has to keep it.
package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/hex"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/pion/dtls/v2"
)

const resend = time.Second // until a datagram that has not come back is sent again

var text = []byte("a datagram that comes back\x00")

type store map[string]dtls.Session

func (s store) Set(key []byte, session dtls.Session) error {
	s[string(key)] = session
	return nil
}

func (s store) Get(key []byte) (dtls.Session, error) {
	return s[string(key)], nil
}

func (s store) Del(key []byte) error {
	delete(s, string(key))
	return nil
}

func check(what string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "pion_client: %s: %v\n", what, err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: pion_client OPTION...")
	flag.PrintDefaults()
	os.Exit(2)
}

func suites(list string) []dtls.CipherSuiteID {
	var found []dtls.CipherSuiteID
	for _, name := range strings.Split(list, ",") {
		known := false
		for _, suite := range dtls.CipherSuites() {
			if suite.Name == name {
				found, known = append(found, dtls.CipherSuiteID(suite.ID)), true
			}
		}
		if !known {
			check("ciphers", fmt.Errorf("no suite %s", name))
		}
	}
	return found
}

// Sends a datagram until it comes back.
func echo(conn *dtls.Conn, deadline time.Time) {
	got := make([]byte, 2048)
	for time.Now().Before(deadline) {
		_, err := conn.Write(text)
		check("write", err)
		check("read", conn.SetReadDeadline(time.Now().Add(resend)))
		n, err := conn.Read(got)
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			continue
		}
		check("read", err)
		if !bytes.Equal(got[:n], text) {
			check("read", fmt.Errorf("another datagram came back"))
		}
		return
	}
	check("read", fmt.Errorf("the datagram did not come back in time"))
}

func converse(address string, config *dtls.Config, deadline time.Time) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	socket, err := net.Dial("udp", address)
	check("connect", err)
	conn, err := dtls.ClientWithContext(ctx, socket, config)
	check("handshake", err)
	echo(conn, deadline)
	check("close", conn.Close())
}

func main() {
	host := flag.String("host", "", "address of the server")
	port := flag.String("port", "", "its port")
	sni := flag.String("sni", "", "server name to ask for and to verify")
	ca := flag.String("ca", "", "verify the server against this file")
	identity := flag.String("identity", "", "PSK identity")
	psk := flag.String("psk", "", "PSK in hexadecimal")
	ciphers := flag.String("ciphers", "", "cipher suites, with commas")
	mtu := flag.Int("mtu", 0, "size of handshake fragments")
	seconds := flag.Int("deadline", 60, "seconds for everything")
	resume := flag.Bool("resume", false, "a second session resumes the first")
	flag.Usage = usage
	flag.Parse()
	if flag.NArg() != 0 || *host == "" || *port == "" || *identity == "" && (*ca == "" || *sni == "") {
		usage()
	}

	config := &dtls.Config{ServerName: *sni, MTU: *mtu}
	if *ca != "" {
		pem, err := os.ReadFile(*ca)
		check("ca", err)
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(pem)
	}
	if *identity != "" {
		key, err := hex.DecodeString(*psk)
		check("psk", err)
		config.PSK = func([]byte) ([]byte, error) { return key, nil }
		config.PSKIdentityHint = []byte(*identity)
	}
	if *ciphers != "" {
		config.CipherSuites = suites(*ciphers)
	}
	rounds := 1
	if *resume {
		config.SessionStore = store{}
		rounds = 2
	}
	deadline := time.Now().Add(time.Duration(*seconds) * time.Second)
	for done := 1; done <= rounds; done++ {
		converse(net.JoinHostPort(*host, *port), config, deadline)
		fmt.Printf("echoed %d\n", done)
	}
}
