-- A system that has committed seven promised transactions since.
UPDATE journal SET seq = 7;
