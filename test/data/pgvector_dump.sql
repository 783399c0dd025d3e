--
-- PostgreSQL database dump
--


-- Dumped from database version 15.20 (Debian 15.20-0+deb12u1)
-- Dumped by pg_dump version 15.20 (Debian 15.20-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: vector; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;


--
-- Name: EXTENSION vector; Type: COMMENT; Schema: -; Owner: 
--

COMMENT ON EXTENSION vector IS 'vector data type and ivfflat and hnsw access methods';


--
-- Name: mean(); Type: FUNCTION; Schema: public; Owner: postgres
--

CREATE FUNCTION public.mean() RETURNS public.vector
    LANGUAGE sql STABLE
    AS $$SELECT avg(embedding) FROM public.items$$;


ALTER FUNCTION public.mean() OWNER TO postgres;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: items; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.items (
    id bigint NOT NULL,
    embedding public.vector(3),
    half public.halfvec(3),
    sparse public.sparsevec(5),
    bits bit(8),
    note text,
    CONSTRAINT positive CHECK ((public.vector_norm(embedding) >= (0)::double precision))
);


ALTER TABLE public.items OWNER TO postgres;

--
-- Name: items_id_seq; Type: SEQUENCE; Schema: public; Owner: postgres
--

CREATE SEQUENCE public.items_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE public.items_id_seq OWNER TO postgres;

--
-- Name: items_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: postgres
--

ALTER SEQUENCE public.items_id_seq OWNED BY public.items.id;


--
-- Name: nearest; Type: VIEW; Schema: public; Owner: postgres
--

CREATE VIEW public.nearest AS
 SELECT items.id,
    (items.embedding OPERATOR(public.<->) '[1,2,3]'::public.vector) AS distance
   FROM public.items
  ORDER BY (items.embedding OPERATOR(public.<->) '[1,2,3]'::public.vector)
 LIMIT 5;


ALTER TABLE public.nearest OWNER TO postgres;

--
-- Name: items id; Type: DEFAULT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.items ALTER COLUMN id SET DEFAULT nextval('public.items_id_seq'::regclass);


--
-- Data for Name: items; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.items (id, embedding, half, sparse, bits, note) FROM stdin;
1	[1,1,1]	[1,1,-1]	{1:1,4:1.5}/5	00100101	row 1
2	[2,2,2]	[2,2,-2]	{1:2,4:2.5}/5	01001010	row 2
3	[3,3,3]	[3,0,-3]	{1:3,4:3.5}/5	01101111	row 3
4	[4,4,4]	[4,1,-4]	{1:4,4:4.5}/5	10010100	row 4
5	[5,5,5]	[0,2,-5]	{1:5,4:5.5}/5	10111001	row 5
6	[6,6,6]	[1,0,-6]	{1:6,4:6.5}/5	11011110	row 6
7	[7,0,7]	[2,1,-7]	{1:7,4:7.5}/5	00000011	row 7
8	[8,1,8]	[3,2,-8]	{1:8,4:8.5}/5	00101000	row 8
9	[9,2,9]	[4,0,-9]	{1:9,4:0.5}/5	01001101	row 9
10	[10,3,10]	[0,1,-10]	{1:10,4:1.5}/5	01110010	row 10
11	[11,4,0]	[1,2,-11]	{1:11,4:2.5}/5	10010111	row 11
12	[12,5,1]	[2,0,-12]	{1:12,4:3.5}/5	10111100	row 12
13	[13,6,2]	[3,1,-13]	{1:13,4:4.5}/5	11100001	row 13
14	[14,0,3]	[4,2,-14]	{1:14,4:5.5}/5	00000110	row 14
15	[15,1,4]	[0,0,-15]	{1:15,4:6.5}/5	00101011	row 15
16	[16,2,5]	[1,1,-16]	{1:16,4:7.5}/5	01010000	row 16
17	[17,3,6]	[2,2,-17]	{1:17,4:8.5}/5	01110101	row 17
18	[18,4,7]	[3,0,-18]	{1:18,4:0.5}/5	10011010	row 18
19	[19,5,8]	[4,1,-19]	{1:19,4:1.5}/5	10111111	row 19
20	[20,6,9]	[0,2,-20]	{1:20,4:2.5}/5	11100100	row 20
21	[21,0,10]	[1,0,-21]	{1:21,4:3.5}/5	00001001	row 21
22	[22,1,0]	[2,1,-22]	{1:22,4:4.5}/5	00101110	row 22
23	[23,2,1]	[3,2,-23]	{1:23,4:5.5}/5	01010011	row 23
24	[24,3,2]	[4,0,-24]	{1:24,4:6.5}/5	01111000	row 24
25	[25,4,3]	[0,1,-25]	{1:25,4:7.5}/5	10011101	row 25
26	[26,5,4]	[1,2,-26]	{1:26,4:8.5}/5	11000010	row 26
27	[27,6,5]	[2,0,-27]	{1:27,4:0.5}/5	11100111	row 27
28	[28,0,6]	[3,1,-28]	{1:28,4:1.5}/5	00001100	row 28
29	[29,1,7]	[4,2,-29]	{1:29,4:2.5}/5	00110001	row 29
30	[30,2,8]	[0,0,-30]	{1:30,4:3.5}/5	01010110	row 30
31	[31,3,9]	[1,1,-31]	{1:31,4:4.5}/5	01111011	row 31
32	[32,4,10]	[2,2,-32]	{1:32,4:5.5}/5	10100000	row 32
33	[33,5,0]	[3,0,-33]	{1:33,4:6.5}/5	11000101	row 33
34	[34,6,1]	[4,1,-34]	{1:34,4:7.5}/5	11101010	row 34
35	[35,0,2]	[0,2,-35]	{1:35,4:8.5}/5	00001111	row 35
36	[36,1,3]	[1,0,-36]	{1:36,4:0.5}/5	00110100	row 36
37	[37,2,4]	[2,1,-37]	{1:37,4:1.5}/5	01011001	row 37
38	[38,3,5]	[3,2,-38]	{1:38,4:2.5}/5	01111110	row 38
39	[39,4,6]	[4,0,-39]	{1:39,4:3.5}/5	10100011	row 39
40	[40,5,7]	[0,1,-40]	{1:40,4:4.5}/5	11001000	row 40
41	\N	\N	\N	\N	nothing
\.


--
-- Name: items_id_seq; Type: SEQUENCE SET; Schema: public; Owner: postgres
--

SELECT pg_catalog.setval('public.items_id_seq', 41, true);


--
-- Name: items items_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.items
    ADD CONSTRAINT items_pkey PRIMARY KEY (id);


--
-- Name: items_bits; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX items_bits ON public.items USING hnsw (bits public.bit_hamming_ops);


--
-- Name: items_cosine; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX items_cosine ON public.items USING hnsw (half public.halfvec_cosine_ops);


--
-- Name: items_l2; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX items_l2 ON public.items USING hnsw (embedding public.vector_l2_ops) WITH (m='8', ef_construction='40');


--
-- Name: items_lists; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX items_lists ON public.items USING ivfflat (embedding public.vector_ip_ops) WITH (lists='4');


--
-- Name: items_part; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX items_part ON public.items USING hnsw (((embedding)::public.halfvec(3)) public.halfvec_l2_ops) WHERE ((id % (2)::bigint) = 0);


--
-- Name: items_sparse; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX items_sparse ON public.items USING hnsw (sparse public.sparsevec_ip_ops);


--
-- PostgreSQL database dump complete
--


