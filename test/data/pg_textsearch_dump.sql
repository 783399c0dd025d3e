--
-- PostgreSQL database dump
--


-- Dumped from database version 17.11 (Debian 17.11-0+deb13u1)
-- Dumped by pg_dump version 17.11 (Debian 17.11-0+deb13u1)

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
-- Name: pg_textsearch; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS pg_textsearch WITH SCHEMA public;


--
-- Name: EXTENSION pg_textsearch; Type: COMMENT; Schema: -; Owner: 
--

COMMENT ON EXTENSION pg_textsearch IS 'Full-text search with BM25 ranking';


--
-- Name: about(text); Type: FUNCTION; Schema: public; Owner: postgres
--

CREATE FUNCTION public.about(words text) RETURNS SETOF integer
    LANGUAGE sql STABLE
    AS $$
	SELECT id FROM note WHERE (data->>'about') IS NOT NULL AND (data->>'about') <@> to_bm25query(words, 'note_about') < 0
	ORDER BY (data->>'about') <@> to_bm25query(words, 'note_about') $$;


ALTER FUNCTION public.about(words text) OWNER TO postgres;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: note; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.note (
    id integer NOT NULL,
    title text,
    body text,
    lang text DEFAULT 'en'::text,
    data jsonb,
    parts text[]
);


ALTER TABLE public.note OWNER TO postgres;

--
-- Name: best; Type: VIEW; Schema: public; Owner: postgres
--

CREATE VIEW public.best AS
 SELECT id,
    (body OPERATOR(public.<@>) public.to_bm25query('vector search'::text, 'note_body'::text)) AS distance
   FROM public.note
  ORDER BY (body OPERATOR(public.<@>) public.to_bm25query('vector search'::text, 'note_body'::text))
 LIMIT 3;


ALTER VIEW public.best OWNER TO postgres;

--
-- Name: post; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.post (
    year integer,
    body text
)
PARTITION BY LIST (year);


ALTER TABLE public.post OWNER TO postgres;

--
-- Name: post_2025; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.post_2025 (
    year integer,
    body text
);


ALTER TABLE public.post_2025 OWNER TO postgres;

--
-- Name: post_2026; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.post_2026 (
    year integer,
    body text
);


ALTER TABLE public.post_2026 OWNER TO postgres;

--
-- Name: post_2025; Type: TABLE ATTACH; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.post ATTACH PARTITION public.post_2025 FOR VALUES IN (2025);


--
-- Name: post_2026; Type: TABLE ATTACH; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.post ATTACH PARTITION public.post_2026 FOR VALUES IN (2026);


--
-- Data for Name: note; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.note (id, title, body, lang, data, parts) FROM stdin;
1	Graphs	A vector search walks along the edges of a graph of neighbors	en	{"about": "search in graphs"}	{graph,"edges of neighbors"}
2	Lists	Inverted lists hold the vectors of a cell; a search reads some cells	en	{"about": "cells"}	{list,"cells and centroids"}
3	Words	Full text search ranks documents by the words they share with a query	en	{"about": "search for words"}	{word,query}
4	Trees	A tree finds the exact neighbors of a point in few dimensions	en	{"about": "neighbors"}	{tree,"exact neighbors"}
5	Wörter	Die Suche ordnet Texte nach ihren Wörtern	de	\N	{wort}
6	Graphen	Ein Graph verbindet Nachbarn, und die Suche folgt den Kanten	de	\N	{graph}
7	Empty	\N	en	\N	\N
8	Both	Vector search and text search make one list; the better of two searches leads	en	{"about": "fusion of search results"}	{fusion}
\.


--
-- Data for Name: post_2025; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.post_2025 (year, body) FROM stdin;
2025	a year of graphs
\.


--
-- Data for Name: post_2026; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.post_2026 (year, body) FROM stdin;
2026	a year of lists
2026	lists and lists
\.


--
-- Name: note note_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.note
    ADD CONSTRAINT note_pkey PRIMARY KEY (id);


--
-- Name: note_about; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX note_about ON public.note USING bm25 (((data ->> 'about'::text))) WITH (text_config=english);


--
-- Name: note_body; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX note_body ON public.note USING bm25 (body) WITH (text_config=english);


--
-- Name: note_german; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX note_german ON public.note USING bm25 (body) WITH (text_config=german) WHERE (lang = 'de'::text);


--
-- Name: note_parts; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX note_parts ON public.note USING bm25 (parts) WITH (text_config=english);


--
-- Name: note_title; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX note_title ON public.note USING bm25 (lower(title)) WITH (text_config=simple, k1='1.5', b='0.6');


--
-- Name: post_body; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX post_body ON ONLY public.post USING bm25 (body) WITH (text_config=english);


--
-- Name: post_2025_body_idx; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX post_2025_body_idx ON public.post_2025 USING bm25 (body) WITH (text_config=english);


--
-- Name: post_2026_body_idx; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX post_2026_body_idx ON public.post_2026 USING bm25 (body) WITH (text_config=english);


--
-- Name: post_2025_body_idx; Type: INDEX ATTACH; Schema: public; Owner: postgres
--

ALTER INDEX public.post_body ATTACH PARTITION public.post_2025_body_idx;


--
-- Name: post_2026_body_idx; Type: INDEX ATTACH; Schema: public; Owner: postgres
--

ALTER INDEX public.post_body ATTACH PARTITION public.post_2026_body_idx;


--
-- PostgreSQL database dump complete
--


