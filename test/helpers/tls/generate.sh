#!/bin/sh
# Makes the certificates that the tests use; run it here, needs openssl. They are valid for a hundred years and worth nothing.
set -e
cd "$(dirname "$0")"
DAYS=36500
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key.pem"; }

key ca
openssl req -x509 -new -key ca.key.pem -sha256 -days $DAYS -subj '/CN=Leveret test authority' -out ca.pem

key server
openssl req -new -key server.key.pem -subj '/CN=localhost' |
  openssl x509 -req -CA ca.pem -CAkey ca.key.pem -CAcreateserial -days $DAYS -sha256 -out server.pem -extfile /dev/fd/3 3<<EXT
subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1
EXT

key client
openssl req -new -key client.key.pem -subj '/CN=anna' |
  openssl x509 -req -CA ca.pem -CAkey ca.key.pem -CAcreateserial -days $DAYS -sha256 -out client.pem

rm -f ca.srl ca.key.pem
