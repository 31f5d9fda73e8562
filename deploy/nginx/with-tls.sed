# Makes of finq.conf what speaks TLS in a container: the lines for others in place of the two for this machine.
/^    listen 127\.0\.0\.1:80;$/d
/^    server_name _;$/d
s/^    # listen 443 ssl;$/    listen 8443 ssl;/
s/^    # server_name finq\.example\.com;$/    server_name _;/
s|^    # ssl_certificate     .*$|    ssl_certificate     /run/secrets/tls_certificate;|
s|^    # ssl_certificate_key .*$|    ssl_certificate_key /run/secrets/tls_key;|
s/^    # \(ssl_protocols\|ssl_session_cache\|ssl_session_tickets\|add_header Strict\)/    \1/
