# Makes of finq.conf what stands in a container: the service has a name, and who reaches the port is said elsewhere.
s/^    server 127\.0\.0\.1:8000;$/    server api:8000;/
s/^    listen 127\.0\.0\.1:80;$/    listen 8080;/
